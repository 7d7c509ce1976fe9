/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which descriptors are ours. Nothing is remembered: a descriptor may have come by dup, fork, exec or another process, and may have gone
 * by a call that the library does not see. The kernel knows.
 */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>
#include <fcntl.h>

uint64_t ioasis_socket_inode(int fd)
{
	struct stat status;
	int before = errno;
	/* The C library's own fstat may be taken over by another library. */
#ifdef SYS_newfstatat
	long failed = syscall(SYS_newfstatat, fd, "", &status, AT_EMPTY_PATH);
#else
	long failed = syscall(SYS_fstatat, fd, "", &status, AT_EMPTY_PATH);
#endif
	errno = before;
	return failed == 0 && S_ISSOCK(status.st_mode) ? status.st_ino : 0;
}

uint64_t ioasis_file_of(int fd)
{
	struct sockaddr_un peer;
	socklen_t bytes = sizeof(peer);
	const char *folder = ioasis_folder();
	uint64_t ino;
	size_t length;
	int before = errno;

	if (folder == NULL || fd < 0)
		return 0;
	ino = ioasis_socket_inode(fd);
	if (ino == 0)
		return 0;
	memset(&peer, 0, sizeof(peer));
	if (getpeername(fd, (struct sockaddr *)&peer, &bytes) != 0 || peer.sun_family != AF_UNIX) {
		errno = before;
		return 0;
	}
	length = strlen(folder);
	if (bytes > sizeof(peer) || strncmp(peer.sun_path, folder, length) != 0)
		return 0;
	return strncmp(peer.sun_path + length, "/socket", sizeof(peer.sun_path) - length) == 0 ? ino : 0;
}
