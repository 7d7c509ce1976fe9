/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on paths: device files are opened at the server, other entries of the model in the run's folder, all else as ever. */
#define _GNU_SOURCE
/* No checking wrappers: the functions below are the ones behind them. */
#undef _FORTIFY_SOURCE
#include "preload.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* The function of this name behind ours, looked up once. */
#define NEXT(name)                                                      \
	({                                                              \
		static __typeof__(&name) next;                          \
		if (next == NULL)                                       \
			next = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		next;                                                   \
	})

/* Number of a misc device that nobody has; programs only look whether it is a character device. */
#define DEVICE_NUMBER makedev(10, 255)

static int open_device(const char *path, int flags)
{
	struct ioasis_request request = {.op = IOASIS_OPEN, .fd = -1, .a = (uint32_t)flags};

	request.new_fd = ioasis_new_socket((flags & O_CLOEXEC) != 0);
	if (request.new_fd < 0)
		return -1;
	request.new_ino = ioasis_socket_inode(request.new_fd);
	if (ioasis_call(&request, path) < 0)
		return -1;
	return request.new_fd;
}

static int open_at(int folder_fd, const char *path, int flags, mode_t mode)
{
	char canonical[IOASIS_PATH_BYTES];
	char buffer[IOASIS_PATH_BYTES];

	if ((flags & (O_PATH | O_DIRECTORY)) == 0 && ioasis_device_path(folder_fd, path, canonical, sizeof(canonical)))
		return open_device(canonical, flags);
	path = ioasis_shadow_path(folder_fd, path, buffer, sizeof(buffer));
	return (int)syscall(SYS_openat, folder_fd, path, flags, mode);
}

#define MODE_OF(flags)                                            \
	mode_t mode = 0;                                          \
	if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
		va_list arguments;                                \
		va_start(arguments, flags);                       \
		mode = va_arg(arguments, mode_t);                 \
		va_end(arguments);                                \
	}

int open(const char *path, int flags, ...)
{
	MODE_OF(flags)
	return open_at(AT_FDCWD, path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	MODE_OF(flags)
	return open_at(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}

int openat(int folder_fd, const char *path, int flags, ...)
{
	MODE_OF(flags)
	return open_at(folder_fd, path, flags, mode);
}

int openat64(int folder_fd, const char *path, int flags, ...)
{
	MODE_OF(flags)
	return open_at(folder_fd, path, flags | O_LARGEFILE, mode);
}

int __open_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags, 0);
}

int __open64_2(const char *path, int flags)
{
	return open_at(AT_FDCWD, path, flags | O_LARGEFILE, 0);
}

int __openat_2(int folder_fd, const char *path, int flags)
{
	return open_at(folder_fd, path, flags, 0);
}

int __openat64_2(int folder_fd, const char *path, int flags)
{
	return open_at(folder_fd, path, flags | O_LARGEFILE, 0);
}

#define SHADOW(folder_fd, path)                  \
	char shadow_buffer[IOASIS_PATH_BYTES];   \
	const char *shadow = ioasis_shadow_path(folder_fd, path, shadow_buffer, sizeof(shadow_buffer))

FILE *fopen(const char *path, const char *mode)
{
	SHADOW(AT_FDCWD, path);
	return NEXT(fopen)(shadow, mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	SHADOW(AT_FDCWD, path);
	return NEXT(fopen64)(shadow, mode);
}

DIR *opendir(const char *path)
{
	SHADOW(AT_FDCWD, path);
	return NEXT(opendir)(shadow);
}

int scandir(const char *path, struct dirent ***names, int (*filter)(const struct dirent *),
	    int (*order)(const struct dirent **, const struct dirent **))
{
	SHADOW(AT_FDCWD, path);
	return NEXT(scandir)(shadow, names, filter, order);
}

ssize_t readlink(const char *path, char *buffer, size_t bytes)
{
	SHADOW(AT_FDCWD, path);
	return syscall(SYS_readlinkat, AT_FDCWD, shadow, buffer, bytes);
}

ssize_t readlinkat(int folder_fd, const char *path, char *buffer, size_t bytes)
{
	SHADOW(folder_fd, path);
	return syscall(SYS_readlinkat, folder_fd, shadow, buffer, bytes);
}

ssize_t __readlink_chk(const char *path, char *buffer, size_t bytes, size_t room)
{
	(void)room;
	return readlink(path, buffer, bytes);
}

int access(const char *path, int mode)
{
	SHADOW(AT_FDCWD, path);
	return (int)syscall(SYS_faccessat, AT_FDCWD, shadow, mode);
}

int faccessat(int folder_fd, const char *path, int mode, int flags)
{
	SHADOW(folder_fd, path);
	return NEXT(faccessat)(folder_fd, shadow, mode, flags);
}

int chdir(const char *path)
{
	SHADOW(AT_FDCWD, path);
	return (int)syscall(SYS_chdir, shadow);
}

/* realpath of an entry in the run's folder, without the folder. */
char *realpath(const char *path, char *resolved)
{
	SHADOW(AT_FDCWD, path);
	char *result = NEXT(realpath)(shadow, resolved);
	const char *folder = ioasis_folder();
	size_t length;

	if (result == NULL || shadow == path || folder == NULL)
		return result;
	length = strlen(folder);
	if (strncmp(result, folder, length) == 0 && strncmp(result + length, "/tree/", 6) == 0)
		memmove(result, result + length + 5, strlen(result + length + 5) + 1);
	return result;
}

char *__realpath_chk(const char *path, char *resolved, size_t room)
{
	(void)room;
	return realpath(path, resolved);
}

static int stat_at(int folder_fd, const char *path, struct stat *status, int flags)
{
	char canonical[IOASIS_PATH_BYTES];
	SHADOW(folder_fd, path);
#ifdef SYS_newfstatat
	int failed = (int)syscall(SYS_newfstatat, folder_fd, shadow, status, flags);
#else
	int failed = (int)syscall(SYS_fstatat, folder_fd, shadow, status, flags);
#endif
	if (failed == 0 && shadow != path && ioasis_device_path(folder_fd, path, canonical, sizeof(canonical))) {
		status->st_mode = S_IFCHR | 0666;
		status->st_rdev = DEVICE_NUMBER;
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

int fstatat(int folder_fd, const char *path, struct stat *status, int flags)
{
	return stat_at(folder_fd, path, status, flags);
}

/* On 64-bit machines the two structures are the same. */
int stat64(const char *path, struct stat64 *status)
{
	return stat_at(AT_FDCWD, path, (struct stat *)status, 0);
}

int lstat64(const char *path, struct stat64 *status)
{
	return stat_at(AT_FDCWD, path, (struct stat *)status, AT_SYMLINK_NOFOLLOW);
}

int fstatat64(int folder_fd, const char *path, struct stat64 *status, int flags)
{
	return stat_at(folder_fd, path, (struct stat *)status, flags);
}

int statx(int folder_fd, const char *path, int flags, unsigned int mask, struct statx *status)
{
	char canonical[IOASIS_PATH_BYTES];
	SHADOW(folder_fd, path);
	int failed = (int)syscall(SYS_statx, folder_fd, shadow, flags, mask, status);

	if (failed == 0 && shadow != path && ioasis_device_path(folder_fd, path, canonical, sizeof(canonical)))
		status->stx_mode = S_IFCHR | 0666;
	return failed;
}
