/* SPDX-License-Identifier: Apache-2.0 */
/* readv and its relatives. The model's files take one buffer at a time, as VFIO's in the kernel do: a short transfer ends the call. */
#define _GNU_SOURCE
#include "preload.h"

#include <errno.h>
#include <limits.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

typedef ssize_t (*transfer)(int fd, const struct iovec *part, off_t offset);

static ssize_t read_part(int fd, const struct iovec *part, off_t offset)
{
	(void)offset;
	return read(fd, part->iov_base, part->iov_len);
}

static ssize_t write_part(int fd, const struct iovec *part, off_t offset)
{
	(void)offset;
	return write(fd, part->iov_base, part->iov_len);
}

static ssize_t pread_part(int fd, const struct iovec *part, off_t offset)
{
	return pread(fd, part->iov_base, part->iov_len, offset);
}

static ssize_t pwrite_part(int fd, const struct iovec *part, off_t offset)
{
	return pwrite(fd, part->iov_base, part->iov_len, offset);
}

static ssize_t each(transfer move, int fd, const struct iovec *parts, int count, off_t offset)
{
	ssize_t total = 0;

	if (count < 0 || count > IOV_MAX) {
		errno = EINVAL;
		return -1;
	}
	for (int at = 0; at < count; at++) {
		ssize_t moved = parts[at].iov_len == 0 ? 0 : move(fd, &parts[at], offset + total);
		if (moved < 0)
			return total > 0 ? total : moved;
		total += moved;
		if ((size_t)moved != parts[at].iov_len)
			break;
	}
	return total;
}

ssize_t readv(int fd, const struct iovec *parts, int count)
{
	return ioasis_file_of(fd) == 0 ? NEXT(readv)(fd, parts, count) : each(read_part, fd, parts, count, 0);
}

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	return ioasis_file_of(fd) == 0 ? NEXT(writev)(fd, parts, count) : each(write_part, fd, parts, count, 0);
}

ssize_t preadv(int fd, const struct iovec *parts, int count, off_t offset)
{
	return ioasis_file_of(fd) == 0 ? NEXT(preadv)(fd, parts, count, offset)
				       : each(pread_part, fd, parts, count, offset);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	return ioasis_file_of(fd) == 0 ? NEXT(pwritev)(fd, parts, count, offset)
				       : each(pwrite_part, fd, parts, count, offset);
}

ssize_t preadv64(int fd, const struct iovec *parts, int count, off64_t offset)
{
	return preadv(fd, parts, count, offset);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset)
{
	return pwritev(fd, parts, count, offset);
}

/* Files that take one buffer at a time know no flags. */
static bool takes(int flags)
{
	if ((flags & ~RWF_HIPRI) == 0)
		return true;
	errno = EOPNOTSUPP;
	return false;
}

ssize_t preadv2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	if (ioasis_file_of(fd) == 0)
		return NEXT(preadv2)(fd, parts, count, offset, flags);
	if (!takes(flags))
		return -1;
	return offset == -1 ? readv(fd, parts, count) : preadv(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	if (ioasis_file_of(fd) == 0)
		return NEXT(pwritev2)(fd, parts, count, offset, flags);
	if (!takes(flags))
		return -1;
	return offset == -1 ? writev(fd, parts, count) : pwritev(fd, parts, count, offset);
}

ssize_t preadv64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
	return preadv2(fd, parts, count, offset, flags);
}

ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags)
{
	return pwritev2(fd, parts, count, offset, flags);
}
