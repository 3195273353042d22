#define _DEFAULT_SOURCE /* initgroups */
#include "config/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

static bool
copy(struct text text, char *bytes, size_t size)
{
	if (text.len == 0 || text.len >= size || text_has(text, '\0'))
		return false;
	memcpy(bytes, text.ptr, text.len);
	bytes[text.len] = '\0';
	return true;
}

bool
group_read(struct text word, gid_t *ret_group)
{
	char name[256];
	uint64_t number;

	if (!copy(word, name, sizeof name))
		return false;
	const struct group *group = getgrnam(name);
	if (group != NULL) {
		*ret_group = group->gr_gid;
		return true;
	}
	if (!text_to_number(word, UINT32_MAX - 1, &number))
		return false;
	*ret_group = (gid_t)number;
	return true;
}

static const struct passwd *
find_user(struct text word)
{
	char name[256];
	uint64_t number;

	if (!copy(word, name, sizeof name))
		return NULL;
	const struct passwd *user = getpwnam(name);
	if (user == NULL && text_to_number(word, UINT32_MAX - 1, &number))
		user = getpwuid((uid_t)number);
	return user;
}

bool
user_read(struct text word, uid_t *ret_user)
{
	const struct passwd *user = find_user(word);

	if (user != NULL)
		*ret_user = user->pw_uid;
	return user != NULL;
}

bool
identity_read(struct text user_id, struct identity *ret_identity,
    struct problem *ret_problem)
{
	struct identity identity = {.is_set = user_id.len > 0};
	size_t colon = text_find(user_id, ':');

	if (!identity.is_set) {
		*ret_identity = identity;
		return true;
	}
	const struct passwd *user = find_user(text_slice(user_id, 0, colon));
	if (user == NULL)
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "UserID: no user \"" TEXT_FMT "\" on this system",
		    TEXT_ARG(text_slice(user_id, 0, colon)));
	identity.user = user->pw_uid;
	identity.group = user->pw_gid;
	if (!copy(text_from_cstr(user->pw_name), identity.name,
		sizeof identity.name))
		return problem_set(
		    ret_problem, PROBLEM_CONFIG, "UserID: name too long");
	struct text group = text_slice(user_id, colon + 1, user_id.len);
	if (group.len > 0 && !group_read(group, &identity.group))
		return problem_set(ret_problem, PROBLEM_CONFIG,
		    "UserID: no group \"" TEXT_FMT "\" on this system",
		    TEXT_ARG(group));
	*ret_identity = identity;
	return true;
}

bool
identity_become(const struct identity *identity, struct problem *ret_problem)
{
	bool is_it =
	    geteuid() == identity->user && getegid() == identity->group;

	/* Who is not root cannot change groups either. */
	if (!identity->is_set || is_it ||
	    (geteuid() != 0 && geteuid() == identity->user))
		return true;
	if (geteuid() != 0)
		return problem_set(ret_problem, PROBLEM_PERMISSION,
		    "UserID: only root can become %s", identity->name);
	if (initgroups(identity->name, identity->group) != 0 ||
	    setgid(identity->group) != 0 || setuid(identity->user) != 0)
		return problem_set(ret_problem, PROBLEM_PERMISSION,
		    "cannot become %s: %s", identity->name, strerror(errno));
	/* Never again root. */
	if (identity->user != 0 && setuid(0) == 0)
		return problem_set(ret_problem, PROBLEM_PERMISSION,
		    "could become root again after becoming %s",
		    identity->name);
	return true;
}
