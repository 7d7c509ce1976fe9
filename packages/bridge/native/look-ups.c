/* SPDX-License-Identifier: Apache-2.0 */
/* The calls on paths: device files are opened at the server, other entries of the model in the run's folder, all else as ever. */
#define _GNU_SOURCE
/* No checking wrappers: the functions below are the ones behind them. */
#undef _FORTIFY_SOURCE
#include "preload.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

int eaccess(const char *path, int mode)
{
	return faccessat(AT_FDCWD, path, mode, AT_EACCESS);
}

int euidaccess(const char *path, int mode)
{
	return eaccess(path, mode);
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
