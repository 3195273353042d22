/* Identity: who UserID is, and becoming it for good. */
#ifndef CONFIG_IDENTITY_H
#define CONFIG_IDENTITY_H

#include "base/problem.h"
#include "base/text.h"

#include <stdbool.h>
#include <sys/types.h>

struct identity {
	bool is_set; /* false: stay who we are */
	uid_t user;
	gid_t group;
	char name[256]; /* for the supplementary groups */
};

/* "user", "user:group", numbers too; "" is not set. */
bool identity_read(struct text user_id, struct identity *ret_identity,
    struct problem *ret_problem) MUST_USE;
/* A name or a number. False: there is none. */
bool user_read(struct text word, uid_t *ret_user) MUST_USE;
bool group_read(struct text word, gid_t *ret_group) MUST_USE;
/* Only root can become somebody else; anybody may stay who they are. */
bool identity_become(
    const struct identity *identity, struct problem *ret_problem) MUST_USE;

#endif
