#include "exim_spool.h"

#include "mail/message.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIECE = 64 * 1024, PIECES_AT_ONCE = 16, NAME_LINE_MAX = 64 };

struct exim_spool {
	int fd;
	struct mail_message *message;
	struct checks *checks;
	char bytes[PIECE];
};

static void
on_end_of_header(void *context, const struct mail_header *header)
{
	(void)context;
	(void)header;
}

static void
on_body(void *context, struct text piece)
{
	const struct exim_spool *spool = context;

	checks_body(spool->checks, piece);
}

/* A message without a header makes CR LF of the line ends. */
static bool
begin_body(struct exim_spool *spool, struct arena *arena)
{
	struct mail_message_sink sink = {on_end_of_header, on_body, spool};

	spool->message = mail_message_new(arena, &sink);
	if (spool->message != NULL)
		mail_message_feed(spool->message, TEXT("X:\n\n"));
	return spool->message != NULL;
}

static bool
is_regular(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
}

/* Is this the data file of the message that is asked about? */
static bool
has_name_line(int fd, struct text name)
{
	char line[NAME_LINE_MAX];

	return name.len < sizeof line &&
	       read(fd, line, name.len + 1) == (ssize_t)name.len + 1 &&
	       text_equal((struct text){line, name.len}, name) &&
	       line[name.len] == '\n';
}

struct exim_spool *
exim_spool_open(struct arena *arena, struct text path, struct text name,
    struct checks *checks, const char **ret_why)
{
	struct exim_spool *spool = arena_alloc(arena, sizeof *spool);
	/* A FIFO must not make us wait. */
	int fd = open(arena_cstr(arena, path),
	    O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0) {
		*ret_why = errno == EACCES
			       ? "spool may not be read, and no dkim is given"
			       : "spool cannot be opened, and no dkim is given";
		return NULL;
	}
	if (spool == NULL || !begin_body(spool, arena))
		*ret_why = "no memory";
	else if (!is_regular(fd) || !has_name_line(fd, name))
		*ret_why = "spool is no data file of Exim";
	else {
		spool->fd = fd;
		spool->checks = checks;
		return spool;
	}
	(void)close(fd);
	return NULL;
}

enum exim_spool_state
exim_spool_read(struct exim_spool *spool)
{
	for (unsigned n = 0; n < PIECES_AT_ONCE; n++) {
		ssize_t len = read(spool->fd, spool->bytes, PIECE);
		if (len < 0 && errno == EINTR)
			continue;
		if (len < 0)
			return EXIM_SPOOL_FAILED;
		if (len == 0)
			return mail_message_finish(spool->message)
				   ? EXIM_SPOOL_END
				   : EXIM_SPOOL_FAILED;
		mail_message_feed(
		    spool->message, (struct text){spool->bytes, (size_t)len});
	}
	return EXIM_SPOOL_MORE;
}

void
exim_spool_close(struct exim_spool *spool)
{
	(void)close(spool->fd);
}
