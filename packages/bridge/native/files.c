/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on descriptors that programs make, taken over for the model's files and passed on for all others. */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Calls of VFIO and iommufd that may return a new descriptor: type ';' and these numbers. */
static bool may_make_file(unsigned long request)
{
	switch (request & 0xffff) {
	case 0x3b6a: /* VFIO_GROUP_GET_DEVICE_FD */
	case 0x3b8e: /* IOMMU_FAULT_QUEUE_ALLOC */
	case 0x3ba0: /* IOMMU_TEST_CMD */
		return true;
	default:
		return false;
	}
}

int ioctl(int fd, unsigned long number, ...)
{
	va_list arguments;
	void *argument;
	uint64_t ino;

	va_start(arguments, number);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	switch (number) {
	case FIOCLEX:
	case FIONCLEX:
	case FIONBIO:
	case FIOASYNC:
		/* The descriptor's own business, also when it is a socket. */
		return (int)syscall(SYS_ioctl, fd, number, argument);
	}
	ino = ioasis_file_of(fd);
	if (ino == 0)
		return NEXT(ioctl)(fd, number, argument);
	struct ioasis_request request = {
		.op = IOASIS_IOCTL, .fd = fd, .ino = ino, .new_fd = -1, .a = number & 0xffffffff, .b = (uintptr_t)argument};
	if (may_make_file(number)) {
		request.new_fd = ioasis_new_socket(true);
		request.new_ino = ioasis_socket_inode(request.new_fd);
	}
	return (int)ioasis_call(&request, NULL);
}

static int64_t transfer(enum ioasis_op op, int fd, uint64_t ino, const void *buffer, size_t bytes, off_t offset)
{
	struct ioasis_request request = {.op = op,
					 .fd = fd,
					 .ino = ino,
					 .new_fd = -1,
					 .a = (uintptr_t)buffer,
					 .b = bytes > 0x7ffff000 ? 0x7ffff000 : bytes,
					 .c = (uint64_t)offset};
	return ioasis_call(&request, NULL);
}

ssize_t read(int fd, void *buffer, size_t bytes)
{
	uint64_t ino = ioasis_file_of(fd);
	return ino == 0 ? NEXT(read)(fd, buffer, bytes) : transfer(IOASIS_READ, fd, ino, buffer, bytes, 0);
}

ssize_t write(int fd, const void *buffer, size_t bytes)
{
	uint64_t ino = ioasis_file_of(fd);
	return ino == 0 ? NEXT(write)(fd, buffer, bytes) : transfer(IOASIS_WRITE, fd, ino, buffer, bytes, 0);
}

ssize_t pread(int fd, void *buffer, size_t bytes, off_t offset)
{
	uint64_t ino = ioasis_file_of(fd);
	return ino == 0 ? NEXT(pread)(fd, buffer, bytes, offset) : transfer(IOASIS_PREAD, fd, ino, buffer, bytes, offset);
}

ssize_t pwrite(int fd, const void *buffer, size_t bytes, off_t offset)
{
	uint64_t ino = ioasis_file_of(fd);
	return ino == 0 ? NEXT(pwrite)(fd, buffer, bytes, offset)
			: transfer(IOASIS_PWRITE, fd, ino, buffer, bytes, offset);
}

ssize_t pread64(int fd, void *buffer, size_t bytes, off64_t offset)
{
	return pread(fd, buffer, bytes, offset);
}

ssize_t pwrite64(int fd, const void *buffer, size_t bytes, off64_t offset)
{
	return pwrite(fd, buffer, bytes, offset);
}

/* Fortified programs call these instead; the check was made by the compiler for buffers that it knows. */
ssize_t __read_chk(int fd, void *buffer, size_t bytes, size_t room)
{
	(void)room;
	return read(fd, buffer, bytes);
}

ssize_t __pread_chk(int fd, void *buffer, size_t bytes, off_t offset, size_t room)
{
	(void)room;
	return pread(fd, buffer, bytes, offset);
}

ssize_t __pread64_chk(int fd, void *buffer, size_t bytes, off64_t offset, size_t room)
{
	(void)room;
	return pread(fd, buffer, bytes, offset);
}

/* Pinned pages outlive their mapping: the server keeps what they hold before the mapping goes. */
static void tell(enum ioasis_op op, const void *address, size_t bytes, uint64_t more)
{
	int before = errno;
	if (!ioasis_has_pins())
		return;
	struct ioasis_request request = {
		.op = op, .fd = -1, .new_fd = -1, .a = (uintptr_t)address, .b = bytes, .c = more};
	ioasis_call(&request, NULL);
	errno = before;
}

static void forget(const void *address, size_t bytes)
{
	tell(IOASIS_FORGET, address, bytes, 0);
}

static size_t whole_pages(size_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	return (bytes + page - 1) / page * page;
}

/* Pinned pages go where the program moves them; what it cuts off, or puts them over, it loses. */
void *mremap(void *address, size_t bytes, size_t new_bytes, int flags, ...)
{
	void *fixed = NULL;
	char *moved;
	va_list arguments;

	va_start(arguments, flags);
	if (flags & MREMAP_FIXED)
		fixed = va_arg(arguments, void *);
	va_end(arguments);
	if (fixed != NULL)
		forget(fixed, new_bytes);
	if (whole_pages(new_bytes) < bytes)
		forget((char *)address + whole_pages(new_bytes), bytes - whole_pages(new_bytes));
	moved = (char *)syscall(SYS_mremap, address, bytes, new_bytes, flags, fixed);
	if (moved != MAP_FAILED && moved != address && bytes > 0)
		tell(IOASIS_MOVED, address, bytes < new_bytes ? bytes : new_bytes, (uintptr_t)moved);
	return moved;
}

/* The end of the program takes its memory away, which is known beforehand unless a signal ends it. */
__attribute__((destructor)) static void forget_all(void)
{
	forget(NULL, (size_t)1 << 47);
}

void _exit(int status)
{
	forget_all();
	for (;;)
		syscall(SYS_exit_group, status);
}

void _Exit(int status)
{
	_exit(status);
}

int munmap(void *address, size_t bytes)
{
	forget(address, bytes);
	return (int)syscall(SYS_munmap, address, bytes);
}

void *mmap(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	if ((flags & MAP_FIXED) == MAP_FIXED)
		forget(address, bytes);
	return (void *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off64_t offset)
{
	return mmap(address, bytes, protection, flags, fd, offset);
}
