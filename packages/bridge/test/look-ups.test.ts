import { describe, expect, it } from 'vitest';
import { compile, machineWithEdu, missing, PROGRAM_HEAD, run } from './native.js';

/** How libvfn, DPDK, SPDK and QEMU find a device and its files. */
const FIND = `${PROGRAM_HEAD}
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#define DEVICE "/sys/bus/pci/devices/0000:00:01.0"
static void show(const char *path, int failed, mode_t mode, unsigned a, unsigned b)
{ printf("%s %d %o %u:%u\\n", path, failed, mode, a, b); }
static void show_stat(const char *what, int failed, struct stat *s)
{ show(what, failed, s->st_mode, major(s->st_rdev), minor(s->st_rdev)); }
static void list(const char *path) {
  DIR *folder = opendir(path);
  printf("%s:", path);
  for (struct dirent *entry; (entry = readdir(folder));) if (entry->d_name[0] != '.') printf(" %s", entry->d_name);
  printf("\\n");
  closedir(folder);
}
int main(void) {
  char text[4096] = {0};
  struct stat status;
  struct statx extended;
  const char *paths[] = {"/dev/iommu", "/dev/vfio/vfio", "/dev/vfio/1", "/dev/vfio/devices/vfio0"};
  for (int at = 0; at < 4; at++) show_stat(paths[at], stat(paths[at], &status), &status);
  int fd = open(paths[3], O_RDWR), pair[2];
  show_stat("fstat", fstat(fd, &status), &status);
  show_stat("dup", fstat(dup(fd), &status), &status);
  show_stat("fcntl", fstat(fcntl(fd, F_DUPFD_CLOEXEC, 20), &status), &status);
  int failed = statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &extended);
  show("statx", failed, extended.stx_mode, extended.stx_rdev_major, extended.stx_rdev_minor);
  socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
  printf("other socket %d\\n", fstat(pair[0], &status) == 0 && S_ISSOCK(status.st_mode));
  printf("access %d %d %d\\n", access("/dev/vfio/1", R_OK | W_OK), access("/dev/vfio/2", F_OK), eaccess("/dev/iommu", R_OK));
  list("/dev/vfio");
  list(DEVICE "/vfio-dev");
  printf("group %s\\n", readlink(DEVICE "/iommu_group", text, sizeof(text)) > 0 ? strrchr(text, '/') + 1 : "none");
  printf("%s\\n", realpath("/sys/class/vfio-dev/vfio0", text));
  int file = open(DEVICE "/vfio-dev/vfio0/dev", O_RDONLY);
  printf("dev %.*s", (int)read(file, text, sizeof(text)), text);
  FILE *resource = fopen(DEVICE "/resource", "r");
  int lines = 0;
  printf("%s", fgets(text, sizeof(text), resource));
  do lines++; while (fgets(text, sizeof(text), resource));
  printf("%d regions\\n", lines);
  int home = open(DEVICE, O_RDONLY | O_DIRECTORY);
  printf("openat %zd", read(openat(home, "vendor", O_RDONLY), text, sizeof(text)));
  printf(" %d\\n", fstatat(home, "iommu_group/type", &status, 0));
}`;

/** Moves bytes between several buffers and the edu device at once. */
const VECTORS = `${PROGRAM_HEAD}
#include "edu.h"
#include <limits.h>
#include <sys/uio.h>
int main(void) {
  int container = open("/dev/vfio/vfio", O_RDWR), group = open("/dev/vfio/1", O_RDWR);
  ioctl(group, VFIO_GROUP_SET_CONTAINER, &container);
  ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU);
  int device = ioctl(group, VFIO_GROUP_GET_DEVICE_FD, "0000:00:01.0");
  uint64_t bar = edu_start(device);
  uint32_t low = 0x40000, high = 0x0, identity, inverse;
  struct iovec out[] = {{&low, 4}, {NULL, 0}, {&high, 4}}, in[] = {{&identity, 4}, {&inverse, 4}};
  printf("%zd", pwritev(device, out, 3, (off_t)bar + 0x80));
  printf(" %zd", preadv(device, in, 2, (off_t)bar));
  printf(" %#x", identity);
  printf(" %zd", preadv2(device, in, 1, (off_t)bar, 0));
  printf(" %d", preadv2(device, in, 1, (off_t)bar, RWF_NOWAIT) < 0 ? errno : 0);
  printf(" %d", preadv(device, in, getpid() ? IOV_MAX + 1 : 0, (off_t)bar) < 0 ? errno : 0);
  struct iovec half[] = {{&identity, 4}, {(void *)8, 4}};
  printf(" %zd", preadv(device, half, 2, (off_t)bar));
  printf(" %d", preadv(device, half + 1, 1, (off_t)bar) < 0 ? errno : 0);
  printf(" %d\\n", readv(container, in, 1) < 0 ? errno : 0);
  if (0) edu_dma(device, bar, 0, 0, 0);
}`;

describe.skipIf(missing !== undefined)('what clients look up', () => {
  it('says what a kernel says of device files and of /sys', async () => {
    const { out, status } = await run(machineWithEdu(), compile('find', FIND));
    expect(out.split('\n')).toEqual([
      '/dev/iommu 0 20660 10:126',
      '/dev/vfio/vfio 0 20660 10:196',
      '/dev/vfio/1 0 20660 242:0',
      '/dev/vfio/devices/vfio0 0 20660 511:0',
      'fstat 0 20660 511:0',
      'dup 0 20660 511:0',
      'fcntl 0 20660 511:0',
      'statx 0 20660 511:0',
      'other socket 1',
      'access 0 -1 0',
      expect.stringMatching(/^\/dev\/vfio:( 1| devices| vfio){3}$/),
      '/sys/bus/pci/devices/0000:00:01.0/vfio-dev: vfio0',
      'group 1',
      '/sys/devices/pci0000:00/0000:00:01.0/vfio-dev/vfio0',
      'dev 511:0',
      '0x00000000fea00000 0x00000000feafffff 0x0000000000040200',
      '13 regions',
      'openat 7 0',
      '',
    ]);
    expect(status).toBe(0);
  });

  it('takes several buffers in one call', async () => {
    // 8 bytes written and read; EOPNOTSUPP, EINVAL, a short read, EFAULT, and EINVAL of a container.
    expect(await run(machineWithEdu(), compile('vectors', VECTORS))).toMatchObject({
      out: '8 8 0x10000ed 4 95 22 4 14 22\n',
      status: 0,
    });
  });
});
