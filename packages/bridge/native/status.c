/* SPDX-License-Identifier: Apache-2.0 */
/* stat and its relatives: the model's files are character devices, whatever stands for them here. */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* A device file of the run's folder holds its number as text, which entries named "dev" of /sys have as well. */
static bool number_in(const char *path, unsigned int *major_number, unsigned int *minor_number)
{
	char text[32] = {0};
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	bool known;

	if (fd < 0)
		return false;
	known = syscall(SYS_read, fd, text, sizeof(text) - 1) > 0 &&
		sscanf(text, "%u:%u", major_number, minor_number) == 2;
	syscall(SYS_close, fd);
	return known;
}

/* The same of an open file; one that another call made, such as a group's device, has no number and no type. */
static bool number_of(int fd, uint64_t ino, unsigned int *major_number, unsigned int *minor_number)
{
	struct ioasis_request request = {.op = IOASIS_STATUS, .fd = fd, .ino = ino, .new_fd = -1};
	int64_t number = ioasis_call(&request, NULL);

	if (number <= 0)
		return false;
	*major_number = (unsigned int)(number >> 20);
	*minor_number = (unsigned int)(number & 0xfffff);
	return true;
}

/* What a path, or a descriptor when the path is empty, is of ours. */
struct subject {
	bool ours;
	bool has_number;
	unsigned int major_number;
	unsigned int minor_number;
};

static struct subject look(int fd, const char *path, const char *shadow)
{
	char canonical[IOASIS_PATH_BYTES];
	struct subject subject = {0};
	int before = errno;

	if (path == NULL || path[0] == '\0') {
		uint64_t ino = ioasis_file_of(fd);
		subject.ours = ino != 0;
		subject.has_number = subject.ours && number_of(fd, ino, &subject.major_number, &subject.minor_number);
	} else if (shadow != path && ioasis_device_path(fd, path, canonical, sizeof(canonical))) {
		subject.ours = true;
		subject.has_number = number_in(shadow, &subject.major_number, &subject.minor_number);
	}
	errno = before;
	return subject;
}

static mode_t mode_of(struct subject subject)
{
	return subject.has_number ? S_IFCHR | 0660 : 0600;
}

static int stat_at(int folder_fd, const char *path, struct stat *status, int flags)
{
	SHADOW(folder_fd, path);
#ifdef SYS_newfstatat
	int failed = (int)syscall(SYS_newfstatat, folder_fd, shadow, status, flags);
#else
	int failed = (int)syscall(SYS_fstatat, folder_fd, shadow, status, flags);
#endif
	struct subject subject = {0};

	if (failed == 0 && (shadow != path || S_ISSOCK(status->st_mode)))
		subject = look(folder_fd, path, shadow);
	if (subject.ours) {
		status->st_mode = mode_of(subject);
		status->st_rdev = makedev(subject.major_number, subject.minor_number);
		status->st_size = 0;
		status->st_blocks = 0;
	}
	return failed;
}

int statx(int folder_fd, const char *path, int flags, unsigned int mask, struct statx *status)
{
	SHADOW(folder_fd, path);
	int failed = (int)syscall(SYS_statx, folder_fd, shadow, flags, mask, status);
	struct subject subject = {0};

	if (failed == 0 && (shadow != path || S_ISSOCK(status->stx_mode)))
		subject = look(folder_fd, path, shadow);
	if (subject.ours) {
		status->stx_mode = (uint16_t)mode_of(subject);
		status->stx_rdev_major = subject.major_number;
		status->stx_rdev_minor = subject.minor_number;
		status->stx_size = 0;
		status->stx_blocks = 0;
	}
	return failed;
}

int stat(const char *path, struct stat *status)
{
	return stat_at(AT_FDCWD, path, status, 0);
}

int lstat(const char *path, struct stat *status)
{
	return stat_at(AT_FDCWD, path, status, AT_SYMLINK_NOFOLLOW);
}

int fstat(int fd, struct stat *status)
{
	return stat_at(fd, "", status, AT_EMPTY_PATH);
}

int fstatat(int folder_fd, const char *path, struct stat *status, int flags)
{
	return stat_at(folder_fd, path, status, flags);
}

/* On 64-bit machines the two structures are the same. */
int stat64(const char *path, struct stat64 *status)
{
	return stat(path, (struct stat *)status);
}

int lstat64(const char *path, struct stat64 *status)
{
	return lstat(path, (struct stat *)status);
}

int fstat64(int fd, struct stat64 *status)
{
	return fstat(fd, (struct stat *)status);
}

int fstatat64(int folder_fd, const char *path, struct stat64 *status, int flags)
{
	return fstatat(folder_fd, path, (struct stat *)status, flags);
}

/* Programs that were linked before version 2.33 of the GNU C library call these. */
int __xstat(int version, const char *path, struct stat *status)
{
	(void)version;
	return stat(path, status);
}

int __lxstat(int version, const char *path, struct stat *status)
{
	(void)version;
	return lstat(path, status);
}

int __fxstat(int version, int fd, struct stat *status)
{
	(void)version;
	return fstat(fd, status);
}

int __fxstatat(int version, int folder_fd, const char *path, struct stat *status, int flags)
{
	(void)version;
	return fstatat(folder_fd, path, status, flags);
}

int __xstat64(int version, const char *path, struct stat64 *status)
{
	(void)version;
	return stat64(path, status);
}

int __lxstat64(int version, const char *path, struct stat64 *status)
{
	(void)version;
	return lstat64(path, status);
}

int __fxstat64(int version, int fd, struct stat64 *status)
{
	(void)version;
	return fstat64(fd, status);
}

int __fxstatat64(int version, int folder_fd, const char *path, struct stat64 *status, int flags)
{
	(void)version;
	return fstatat64(folder_fd, path, status, flags);
}
