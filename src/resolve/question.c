#include "resolve/question.h"

#include <errno.h>
#include <sys/random.h>

bool
random_bytes(void *bytes, size_t len)
{
	char *at = bytes;

	while (len > 0) {
		ssize_t got = getrandom(at, len, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		at += got;
		len -= (size_t)got;
	}
	return true;
}

bool
question_key_draw(struct question_key *ret_key)
{
	return random_bytes(ret_key, sizeof *ret_key);
}

static uint64_t
turn(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static void
mix(uint64_t v[4])
{
	v[0] += v[1];
	v[1] = turn(v[1], 13) ^ v[0];
	v[0] = turn(v[0], 32);
	v[2] += v[3];
	v[3] = turn(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = turn(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = turn(v[1], 17) ^ v[2];
	v[2] = turn(v[2], 32);
}

static void
take_word(uint64_t v[4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	v[0] ^= word;
}

/* Up to eight bytes, the first one lowest. */
static uint64_t
word_at(struct text text, size_t from)
{
	uint64_t word = 0;

	for (size_t i = from; i < text.len && i < from + 8; i++)
		word |= (uint64_t)(unsigned char)text.ptr[i] << 8 * (i - from);
	return word;
}

uint64_t
question_hash(
    const struct question_key *key, const struct dns_question *question)
{
	struct text name = question->name;
	uint64_t v[4] = {
	    key->half[0] ^ 0x736f6d6570736575,
	    key->half[1] ^ 0x646f72616e646f6d,
	    key->half[0] ^ 0x6c7967656e657261,
	    key->half[1] ^ 0x7465646279746573,
	};

	for (size_t at = 0; at < name.len; at += 8)
		take_word(v, word_at(name, at));
	take_word(v, (uint64_t)question->type << 32 | name.len);
	v[2] ^= 0xff;
	for (unsigned i = 0; i < 3; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

bool
question_equal(const struct dns_question *a, const struct dns_question *b)
{
	return a->type == b->type && text_equal(a->name, b->name);
}
