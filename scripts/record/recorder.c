// SPDX-License-Identifier: Apache-2.0
/*
 * /init of a machine that records a trace: does the steps of /script on this kernel and prints what came of each. Both are lines of
 * words; record.mjs writes the one and reads the other. Numbers are decimal or 0x, bytes are hex, "-" is no bytes.
 *
 * A scenario runs in a process of its own, so that nothing of it lives on. Memory is stored as a debugger does, whatever its
 * protection, and read back as the program could.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/vfio.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, DESCRIPTORS = 1024, FILES = 16, FILE_BYTES = 64 << 20, ARGUMENTS = 64 };

static int fds[DESCRIPTORS];   /* of the script's names, -1 when not open */
static int files[FILES];       /* memfd<N> + 1 */
static int memory = -1;        /* /proc/self/mem, above the numbers that a program sees */
static char *cursor;           /* in the line */

static void fail(const char *what)
{
	printf("! %s: %s\n", what, strerror(errno));
	exit(1);
}

static char *word(void)
{
	while (*cursor == ' ')
		cursor++;
	char *start = cursor;
	while (*cursor != ' ' && *cursor != '\0')
		cursor++;
	if (*cursor != '\0')
		*cursor++ = '\0';
	return start;
}

static uint64_t number(void)
{
	return strtoull(word(), NULL, 0);
}

static int nibble(char c)
{
	return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Stores hex bytes at an address; what is not mapped stays as it is. */
static void store(uint64_t address, const char *hex)
{
	if (*hex == '-')
		return;
	size_t bytes = strlen(hex) / 2;
	uint8_t *from = malloc(bytes);
	for (size_t i = 0; i < bytes; i++)
		from[i] = nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]);
	for (size_t at = 0; at < bytes;) {
		size_t length = PAGE - (address + at) % PAGE;
		if (length > bytes - at)
			length = bytes - at;
		if (pwrite(memory, from + at, length, address + at) != (ssize_t)length)
			break;
		at += length;
	}
	free(from);
}

/* Prints the readable bytes at an address, up to the first page that cannot be read. */
static void show(uint64_t address, uint64_t bytes)
{
	uint8_t page[PAGE];
	putchar(' ');
	uint64_t at = 0;
	while (at < bytes) {
		uint64_t length = PAGE - (address + at) % PAGE;
		if (length > bytes - at)
			length = bytes - at;
		struct iovec here = { page, length };
		struct iovec there = { (void *)(address + at), length };
		if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != (ssize_t)length)
			break;
		for (uint64_t i = 0; i < length; i++)
			printf("%02x", page[i]);
		at += length;
	}
	if (at == 0)
		putchar('-');
}

static void result(const char *seq, long ret)
{
	printf("%s %ld %d", seq, ret, ret < 0 ? errno : 0);
}

static int protection(const char *text)
{
	return (strchr(text, 'r') ? PROT_READ : 0) | (strchr(text, 'w') ? PROT_WRITE : 0);
}

static void map(const char *seq)
{
	uint64_t address = number(), bytes = number();
	int prot = protection(word());
	const char *kind = word();
	uint64_t offset = number();
	int flags = MAP_FIXED | MAP_NORESERVE, fd = -1;
	if (strncmp(kind, "memfd", 5) == 0) {
		int file = atoi(kind + 5) % FILES;
		if (files[file] == 0) {
			int made = memfd_create("record", 0);
			if (made < 0 || ftruncate(made, FILE_BYTES) != 0)
				fail("memfd");
			files[file] = fcntl(made, F_DUPFD, 900) + 1;
			close(made);
		}
		fd = files[file] - 1;
		flags |= MAP_SHARED;
	} else if (strcmp(kind, "private") == 0)
		flags |= MAP_PRIVATE | MAP_ANONYMOUS;
	else if (strcmp(kind, "huge2m") == 0)
		flags |= MAP_SHARED | MAP_ANONYMOUS | MAP_HUGETLB;
	else
		flags |= MAP_SHARED | MAP_ANONYMOUS;
	void *got = mmap((void *)address, bytes, prot, flags, fd, fd < 0 ? 0 : offset);
	result(seq, got == MAP_FAILED ? -1 : 0);
}

/* The descriptor that a call made, under the name that the script gives it. */
static void adopt(int name, long offset, long ret, uint64_t argument)
{
	int fd = ret;
	if (name < 0 || ret < 0)
		return;
	if (offset >= 0) {
		struct iovec here = { &fd, 4 }, there = { (void *)(argument + offset), 4 };
		if (process_vm_readv(getpid(), &here, 1, &there, 1, 0) != 4)
			return;
	}
	fds[name] = fd;
}

static void call(const char *seq)
{
	int fd = fds[number()];
	unsigned long request = number();
	uint64_t argument = number(), bytes = number();
	store(argument, word());
	int name = atoi(word());
	long offset = atol(word());
	int count = number();
	uint64_t address[ARGUMENTS], length[ARGUMENTS];
	for (int i = 0; i < count; i++) {
		address[i] = number();
		length[i] = number();
		store(address[i], word());
	}
	long ret = ioctl(fd, request, argument);
	result(seq, ret);
	adopt(name, offset, ret, argument);
	show(argument, bytes);
	for (int i = 0; i < count; i++)
		show(address[i], length[i]);
}

static void call_number(const char *seq)
{
	int fd = fds[number()];
	unsigned long request = number(), argument = number();
	int name = atoi(word());
	long offset = atol(word());
	long ret = ioctl(fd, request, argument);
	result(seq, ret);
	adopt(name, offset, ret, 0);
}

/* One bit of the effective set for each that is missing; an empty list gives all back. */
static void capabilities(const char *seq)
{
	static const struct { const char *name; int bit; } known[] = {
		{ "ipc_lock", CAP_IPC_LOCK }, { "sys_resource", CAP_SYS_RESOURCE }, { "sys_rawio", CAP_SYS_RAWIO },
	};
	const char *dropped = word();
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];
	if (syscall(SYS_capget, &header, data) != 0)
		fail("capget");
	for (int i = 0; i < 2; i++)
		data[i].effective = data[i].permitted;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (strstr(dropped, known[i].name))
			data[known[i].bit / 32].effective &= ~(1u << (known[i].bit % 32));
	result(seq, syscall(SYS_capset, &header, data));
}

/* A transfer of QEMU's edu device through its registers in BAR 0; bus mastering is on meanwhile. */
static void transfer(const char *seq)
{
	enum { SOURCE = 0x80 / 8, TARGET = 0x88 / 8, COUNT = 0x90 / 8, COMMAND = 0x98 / 8, BUFFER = 0x40000 };
	int fd = fds[number()];
	int to_device = strcmp(word(), "to-dev") == 0;
	uint64_t iova = number(), inside = number(), bytes = number();
	struct vfio_region_info bar = { .argsz = sizeof(bar), .index = VFIO_PCI_BAR0_REGION_INDEX };
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint16_t before, on;
	if (ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &bar) || ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(fd, &before, 2, config.offset + 4) != 2) {
		result(seq, -1);
		return;
	}
	on = before | 4 | 2;
	if (pwrite(fd, &on, 2, config.offset + 4) != 2)
		fail("edu command");
	volatile uint64_t *regs = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, bar.offset);
	if (regs == MAP_FAILED)
		fail("edu BAR");
	regs[SOURCE] = to_device ? iova : BUFFER + inside;
	regs[TARGET] = to_device ? BUFFER + inside : iova;
	regs[COUNT] = bytes;
	regs[COMMAND] = to_device ? 1 : 3;
	while (regs[COMMAND] & 1)
		usleep(1000);
	munmap((void *)regs, 0x1000);
	if (pwrite(fd, &before, 2, config.offset + 4) != 2)
		fail("edu command");
	result(seq, 0);
}

static void config_bytes(const char *seq)
{
	int fd = fds[number()];
	uint64_t offset = number(), bytes = number();
	struct vfio_region_info config = { .argsz = sizeof(config), .index = VFIO_PCI_CONFIG_REGION_INDEX };
	uint8_t data[PAGE];
	if (bytes > PAGE || ioctl(fd, VFIO_DEVICE_GET_REGION_INFO, &config) ||
	    pread(fd, data, bytes, config.offset + offset) < 0) {
		result(seq, -1);
		return;
	}
	result(seq, 0);
	putchar(' ');
	for (uint64_t i = 0; i < bytes; i++)
		printf("%02x", data[i]);
}

static void pattern(const char *seq)
{
	uint64_t address = number(), bytes = number(), seed = number();
	for (uint64_t i = 0; i < bytes; i++) {
		uint8_t value = seed + 7 * i + 13 * (i / 256);
		if (pwrite(memory, &value, 1, address + i) != 1)
			break;
	}
	result(seq, 0);
}

static void step(char *line)
{
	cursor = line;
	const char *seq = word();
	const char op = *word();
	switch (op) {
	case 'o': {
		int name = number();
		fds[name] = open(word(), O_RDWR);
		result(seq, fds[name]);
		break;
	}
	case 'c': {
		int name = number();
		result(seq, close(fds[name]));
		fds[name] = -1;
		break;
	}
	case 'm':
		map(seq);
		break;
	case 'u': {
		uint64_t address = number();
		result(seq, munmap((void *)address, number()));
		break;
	}
	case 't': {
		uint64_t address = number(), bytes = number();
		result(seq, mprotect((void *)address, bytes, protection(word())));
		break;
	}
	case 'p':
		pattern(seq);
		break;
	case 'k': {
		uint64_t address = number();
		store(address, word());
		result(seq, 0);
		break;
	}
	case 'g': {
		uint64_t address = number();
		result(seq, 0);
		show(address, number());
		break;
	}
	case 'i':
		call(seq);
		break;
	case 'n':
		call_number(seq);
		break;
	case 'r': {
		int fd = fds[number()];
		uint64_t address = number(), bytes = number();
		result(seq, read(fd, (void *)address, bytes));
		show(address, bytes);
		break;
	}
	case 'w': {
		int fd = fds[number()];
		uint64_t address = number(), bytes = number();
		store(address, word());
		result(seq, write(fd, (void *)address, bytes));
		break;
	}
	case 's': {
		struct pollfd polled = { fds[number()], POLLIN | POLLOUT | POLLPRI, 0 };
		result(seq, poll(&polled, 1, 0));
		printf(" %d", polled.revents);
		break;
	}
	case 'l': {
		struct rlimit limit;
		getrlimit(RLIMIT_MEMLOCK, &limit);
		limit.rlim_cur = number();
		if (limit.rlim_max < limit.rlim_cur)
			limit.rlim_max = limit.rlim_cur;
		result(seq, setrlimit(RLIMIT_MEMLOCK, &limit));
		break;
	}
	case 'q':
		capabilities(seq);
		break;
	case 'd':
		transfer(seq);
		break;
	case 'f':
		config_bytes(seq);
		break;
	default:
		result(seq, 0);
	}
	putchar('\n');
}

static void scenario(char **lines, size_t from, size_t end)
{
	pid_t child = fork();
	if (child < 0)
		fail("fork");
	if (child == 0) {
		for (int i = 0; i < DESCRIPTORS; i++)
			fds[i] = -1;
		int mem = open("/proc/self/mem", O_RDWR);
		memory = fcntl(mem, F_DUPFD, 1000);
		close(mem);
		if (memory < 0)
			fail("/proc/self/mem");
		for (size_t i = from; i < end; i++) {
			step(lines[i]);
			fflush(stdout);
		}
		_exit(0);
	}
	int status = 0;
	waitpid(child, &status, 0);
	if (status != 0)
		printf("! scenario at line %zu ended with status %d\n", from, status);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		printf("! %s: %s\n", path, strerror(errno));
	close(fd);
}

static void set_up(void)
{
	mkdir("/proc", 0755);
	mkdir("/sys", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	mount("sysfs", "/sys", "sysfs", 0, NULL);
	mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
	int console = open("/dev/ttyS0", O_RDWR);
	if (console >= 0)
		for (int i = 0; i < 3; i++)
			dup2(console, i);
	if (console > 2)
		close(console);
	write_file("/proc/sys/kernel/printk", "1");
	write_file("/sys/bus/pci/drivers/vfio-pci/new_id", "1234 11e8");
	usleep(200000);
}

int main(void)
{
	set_up();
	FILE *script = fopen("/script", "r");
	if (script == NULL)
		fail("/script");
	char **lines = NULL, *line = NULL;
	size_t count = 0, room = 0, size = 0;
	for (ssize_t got; (got = getline(&line, &size, script)) > 0;) {
		if (line[got - 1] == '\n')
			line[got - 1] = '\0';
		if (count == room)
			lines = realloc(lines, (room = room ? 2 * room : 1024) * sizeof(*lines));
		lines[count++] = strdup(line);
	}
	fclose(script);
	printf("\n> begin\n");
	fflush(stdout);
	for (size_t at = 0; at < count;) {
		size_t end = at + 1;
		while (end < count && strstr(lines[end], " B ") == NULL)
			end++;
		scenario(lines, at, end);
		fflush(stdout);
		at = end;
	}
	printf("> end\n");
	fflush(stdout);
	usleep(300000);
	reboot(RB_AUTOBOOT);
	return 0;
}
