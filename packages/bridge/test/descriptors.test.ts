import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { compile, machineWithEdu, missing, PROGRAM_HEAD, run } from './native.js';

describe.skipIf(missing !== undefined)('descriptors of the model', () => {
  const program = (name: string, body: string): string => compile(name, `${PROGRAM_HEAD}\n${body}`);

  it('survive dup, fork, exec and passing, and end with the last one', async () => {
    const file = program(
      'life',
      `static int busy(void) { int fd = open("/dev/vfio/1", O_RDWR); int e = fd < 0 ? -errno : 0; close(fd); return e; }
      int main(int count, char **arguments) {
        if (count > 1) { printf("after exec %d\\n", alloc(7)); return 0; }
        int fd = open("/dev/iommu", O_RDWR), copy = dup(fd), pair[2], status;
        close(fd);
        printf("dup %d\\n", alloc(copy));
        fflush(stdout);
        if (fork() == 0) { printf("child %d\\n", alloc(copy)); fflush(stdout); _exit(0); }
        wait(&status);
        int group = open("/dev/vfio/1", O_RDWR), other = dup(group);
        close(group);
        printf("held %d", busy());
        close(other);
        printf(" free %d\\n", busy());
        socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
        char space[CMSG_SPACE(sizeof(int))] = {0}, byte = 1;
        struct iovec part = {&byte, 1};
        struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof(space)};
        struct cmsghdr *head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET; head->cmsg_type = SCM_RIGHTS; head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &copy, sizeof(int));
        sendmsg(pair[0], &message, 0);
        close(copy);
        message.msg_controllen = sizeof(space);
        recvmsg(pair[1], &message, 0);
        memcpy(&copy, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(int));
        printf("passed %d\\n", alloc(copy));
        struct pollfd wait_for = {copy, POLLIN | POLLOUT, 0};
        printf("poll %d", poll(&wait_for, 1, 0));
        printf(" %d\\n", wait_for.revents);
        dup2(copy, 7);
        int hidden = open("/dev/iommu", O_RDWR | O_CLOEXEC);
        printf("flags %d\\n", fcntl(hidden, F_GETFD) & FD_CLOEXEC);
        fflush(stdout);
        execl(arguments[0], arguments[0], "again", NULL);
      }`,
    );
    const machine = machineWithEdu();
    const { out, status } = await run(machine, file);
    expect(out).toBe('dup 1\nchild 2\nheld -16 free 0\npassed 3\npoll 1 5\nflags 1\nafter exec 4\n');
    expect(status).toBe(0);
    expect(machine.close()).toMatchObject({ objects: [], pins: 0 });
  });

  it('take calls of many threads at once', async () => {
    const file = program(
      'threads',
      `static int fd;
      static void *work(void *bad) { for (int i = 0; i < 200; i++) if (alloc(fd) <= 0) *(int *)bad += 1; return NULL; }
      int main(void) {
        pthread_t threads[8]; int bad[8] = {0}, sum = 0;
        fd = open("/dev/iommu", O_RDWR);
        for (int i = 0; i < 8; i++) pthread_create(&threads[i], NULL, work, &bad[i]);
        for (int i = 0; i < 8; i++) { pthread_join(threads[i], NULL); sum += bad[i]; }
        printf("%d wrong, next %d\\n", sum, alloc(fd));
      }`,
    );
    expect(await run(machineWithEdu(), file)).toMatchObject({ out: '0 wrong, next 1601\n', status: 0 });
  });

  it('answer bad pointers, permissions and unknown files as a kernel does', async () => {
    const file = program(
      'errors',
      `int main(void) {
        int fd = open("/dev/iommu", O_RDWR);
        printf("%d", ioctl(fd, _IO(';', 0x81), NULL) ? errno : 0);
        struct alloc good = {.size = sizeof(good)};
        char *text = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(text, &good, sizeof(good));
        mprotect(text, 4096, PROT_READ);
        printf(" %d", ioctl(fd, _IO(';', 0x81), text) ? errno : 0);
        printf(" %d", open("/dev/vfio/77", O_RDWR) < 0 ? errno : 0);
        printf(" %d\\n", mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED ? errno : 0);
      }`,
    );
    // EFAULT twice: no argument, and one that cannot be written. Then ENOENT, ENODEV.
    expect(await run(machineWithEdu(), file)).toMatchObject({ out: '14 14 2 19\n', status: 0 });
  });

  it('cost nothing that stays: 2,000 maps and unmaps', async () => {
    const file = program(
      'pairs',
      `int main(void) {
        int fd = open("/dev/iommu", O_RDWR), ioas = alloc(fd), bad = 0;
        char *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < 2000; i++)
          bad |= map(fd, ioas, page, 4096, 0x10000) | unmap(fd, ioas, 0x10000, 4096);
        printf("%d\\n", bad);
      }`,
    );
    const machine = machineWithEdu();
    const descriptors = readdirSync('/proc/self/fd').length;
    expect(await run(machine, file)).toMatchObject({ out: '0\n', status: 0 });
    expect(readdirSync('/proc/self/fd').length).toBeLessThanOrEqual(descriptors);
    expect(machine.close()).toMatchObject({ userFrames: 0, pins: 0, chargedBytes: 0 });
  });
});
