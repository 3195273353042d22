#include "forged.h"

#include "mail/authres.h"
#include "verdict/upstream.h"

struct forged_claim {
	uint32_t number;
	enum upstream_bearer bearer; /* STRANGER: it goes in any case */
};

void
forged_begin(struct forged *forged, struct arena *arena,
    const struct checks_options *options, struct text job)
{
	*forged = (struct forged){
	    .arena = arena,
	    .options = options,
	    .job = job,
	    .names = {{.name = RESULTS_FIELD}, {.name = DISPOSITION_FIELD}},
	};
}

/* As whose the verdict may be drawn from this field. */
static enum upstream_bearer
find_bearer(struct forged *forged, struct text value)
{
	const struct upstream_trust trust = {
	    .authserv_id = forged->options->authserv_id,
	    .trusted_ids = forged->options->trusted_authserv_ids,
	    .job = forged->job,
	};
	struct authres_field field;

	if (forged->options->source != AUTHENTICATION_HEADERS ||
	    forged->has_received)
		return UPSTREAM_STRANGER;
	enum upstream_bearer bearer =
	    upstream_read(forged->arena, &trust, value, &field);
	forged->trusted += bearer != UPSTREAM_STRANGER;
	forged->has_job |= bearer == UPSTREAM_JOB;
	return bearer;
}

/* *ret_bearer: of a field that may stay when it is believed; under the name
 * under which we write none may. */
static bool
claims_our_results(
    struct forged *forged, struct text value, enum upstream_bearer *ret_bearer)
{
	struct text more = forged->options->trusted_authserv_ids;
	enum upstream_bearer bearer = find_bearer(forged, value);

	*ret_bearer = UPSTREAM_STRANGER;
	if (authres_claims(forged->arena, value, forged->options->authserv_id))
		return true;
	*ret_bearer = bearer;
	while (more.len > 0) {
		struct text id = text_trim(text_split(&more, ','));
		if (id.len > 0 && authres_claims(forged->arena, value, id))
			return true;
	}
	return false;
}

/* Anybody's results may stay if they do not claim to be ours; the disposition
 * is ours alone. */
static void
note(struct forged *forged, struct forged_name *same, struct text value)
{
	struct forged_claim claim = {++same->seen, UPSTREAM_STRANGER};

	if (text_equal(same->name, RESULTS_FIELD) &&
	    !claims_our_results(forged, value, &claim.bearer))
		return;
	struct forged_claim *place = vec_push(forged->arena, &same->claims);
	if (place != NULL)
		*place = claim;
}

void
forged_note(struct forged *forged, struct text name, struct text value)
{
	name = text_trim(name);
	for (size_t i = 0; i < FORGED_NAMES; i++)
		if (text_equal_nocase(name, forged->names[i].name))
			note(forged, &forged->names[i], value);
	forged->has_received |= text_equal_nocase(name, TEXT("Received"));
}

/* As upstream_find decides it. */
static bool
is_believed(const struct forged *forged, const struct forged_claim *claim)
{
	return forged->trusted <= UPSTREAM_FIELDS_MAX &&
	       claim->bearer >=
		   (forged->has_job ? UPSTREAM_JOB : UPSTREAM_TRUSTED);
}

/* From the highest number down, since the MTA counts anew after each. */
bool
forged_remove(const struct forged *forged, struct milter_session *session)
{
	bool may = milter_session_may(session, MILTER_ACTION_CHANGE_HEADERS);

	for (size_t i = 0; i < FORGED_NAMES; i++) {
		const struct forged_name *same = &forged->names[i];
		for (size_t k = same->claims.count; k > 0; k--) {
			const struct forged_claim *claim =
			    &same->claims.at[k - 1];
			if (is_believed(forged, claim))
				continue;
			if (!may)
				return false;
			milter_delete_field(session, same->name, claim->number);
		}
	}
	return !arena_failed(forged->arena); /* then claims may be missing */
}
