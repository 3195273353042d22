#include "sink.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEARD_MAX = 1024 * 1024, BACKLOG = 8 };

struct sink {
	int listener;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock; /* of what follows */
	int fd;               /* of the connection there is, or -1 */
	unsigned connections; /* that there were */
	const char *reply[SINK_STAGES];
	const char *reply_once[SINK_STAGES];
	char heard[HEARD_MAX];
	size_t len;
};

static const char *const usual[] = {
    [SINK_HELLO] = "220 sink.example\r\n",
    [SINK_EHLO] = "250-sink.example hello\r\n250 SIZE 1000000\r\n",
    [SINK_MAIL] = "250 2.1.0 Ok\r\n",
    [SINK_RCPT] = "250 2.1.5 Ok\r\n",
    [SINK_DATA] = "354 go on\r\n",
    [SINK_END] = "250 2.0.0 queued as 42\r\n",
};

static const char *
words_for(struct sink *sink, enum sink_stage stage)
{
	(void)pthread_mutex_lock(&sink->lock);
	const char *words = sink->reply_once[stage];
	if (words == NULL)
		words = sink->reply[stage];
	sink->reply_once[stage] = NULL;
	(void)pthread_mutex_unlock(&sink->lock);
	return words == NULL ? usual[stage] : words;
}

/* False: the connection ends here. */
static bool
say(int fd, const char *words)
{
	char byte;

	if (strcmp(words, SINK_CLOSE) == 0)
		return false;
	if (strcmp(words, SINK_STALL) == 0) {
		while (recv(fd, &byte, 1, 0) > 0)
			;
		return false;
	}
	return send(fd, words, strlen(words), MSG_NOSIGNAL) > 0;
}

/* The next line, noted; empty at the end. */
static struct text
hear(struct sink *sink, int fd)
{
	size_t from = sink->len;
	char byte = '\0';

	while (byte != '\n' && recv(fd, &byte, 1, 0) == 1) {
		(void)pthread_mutex_lock(&sink->lock);
		if (sink->len == HEARD_MAX)
			abort();
		sink->heard[sink->len++] = byte;
		(void)pthread_mutex_unlock(&sink->lock);
	}
	return (struct text){sink->heard + from, sink->len - from};
}

static bool
hear_mail(struct sink *sink, int fd)
{
	const char *words = words_for(sink, SINK_DATA);
	struct text line;

	if (!say(fd, words))
		return false;
	if (words[0] != '3')
		return true;
	do
		line = hear(sink, fd);
	while (line.len > 0 && !text_equal(line, TEXT(".\r\n")));
	return line.len > 0 && say(fd, words_for(sink, SINK_END));
}

static bool
answer(struct sink *sink, int fd, struct text line)
{
	if (text_starts_nocase(line, TEXT("EHLO")))
		return say(fd, words_for(sink, SINK_EHLO));
	if (text_starts_nocase(line, TEXT("MAIL FROM:")))
		return say(fd, words_for(sink, SINK_MAIL));
	if (text_starts_nocase(line, TEXT("RCPT TO:")))
		return say(fd, words_for(sink, SINK_RCPT));
	if (text_starts_nocase(line, TEXT("DATA")))
		return hear_mail(sink, fd);
	if (!text_starts_nocase(line, TEXT("QUIT")))
		return say(fd, "502 no\r\n");
	(void)say(fd, "221 bye\r\n");
	return false;
}

static void
note_connection(struct sink *sink, int fd)
{
	(void)pthread_mutex_lock(&sink->lock);
	sink->fd = fd;
	sink->connections += fd >= 0;
	(void)pthread_mutex_unlock(&sink->lock);
}

static void *
serve(void *context)
{
	struct sink *sink = context;
	struct text line;

	for (int fd; (fd = accept(sink->listener, NULL, NULL)) >= 0;) {
		note_connection(sink, fd);
		if (say(fd, words_for(sink, SINK_HELLO)))
			while ((line = hear(sink, fd)).len > 0)
				if (!answer(sink, fd, line))
					break;
		note_connection(sink, -1);
		(void)close(fd);
	}
	return NULL;
}

struct sink *
sink_open(void)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof address;
	struct sink *sink = calloc(1, sizeof *sink);

	if (sink != NULL)
		sink->fd = -1;
	if (sink == NULL || pthread_mutex_init(&sink->lock, NULL) != 0)
		abort();
	sink->listener = socket(AF_INET, SOCK_STREAM, 0);
	if (sink->listener < 0 ||
	    bind(sink->listener, (struct sockaddr *)&address, len) != 0 ||
	    listen(sink->listener, BACKLOG) != 0 ||
	    getsockname(sink->listener, (struct sockaddr *)&address, &len) != 0)
		abort();
	sink->port = ntohs(address.sin_port);
	if (pthread_create(&sink->thread, NULL, serve, sink) != 0)
		abort();
	return sink;
}

/* The clients must be gone. */
void
sink_close(struct sink *sink)
{
	(void)shutdown(sink->listener, SHUT_RDWR);
	(void)pthread_join(sink->thread, NULL);
	(void)close(sink->listener);
	(void)pthread_mutex_destroy(&sink->lock);
	free(sink);
}

unsigned
sink_port(const struct sink *sink)
{
	return sink->port;
}

void
sink_reply(struct sink *sink, enum sink_stage stage, const char *words)
{
	(void)pthread_mutex_lock(&sink->lock);
	sink->reply[stage] = words;
	(void)pthread_mutex_unlock(&sink->lock);
}

void
sink_reply_once(struct sink *sink, enum sink_stage stage, const char *words)
{
	(void)pthread_mutex_lock(&sink->lock);
	sink->reply_once[stage] = words;
	(void)pthread_mutex_unlock(&sink->lock);
}

void
sink_hang_up(struct sink *sink, const char *words)
{
	(void)pthread_mutex_lock(&sink->lock);
	if (sink->fd < 0 || (*words != '\0' && !say(sink->fd, words)))
		abort();
	(void)shutdown(sink->fd, SHUT_RDWR);
	(void)pthread_mutex_unlock(&sink->lock);
}

unsigned
sink_connections(struct sink *sink)
{
	(void)pthread_mutex_lock(&sink->lock);
	unsigned connections = sink->connections;
	(void)pthread_mutex_unlock(&sink->lock);
	return connections;
}

struct text
sink_heard(struct sink *sink)
{
	(void)pthread_mutex_lock(&sink->lock);
	struct text heard = {sink->heard, sink->len};
	(void)pthread_mutex_unlock(&sink->lock);
	return heard;
}

bool
sink_has_heard(struct sink *sink, const char *part)
{
	struct text heard = sink_heard(sink);

	return text_find_part(heard, text_from_cstr(part)) < heard.len;
}
