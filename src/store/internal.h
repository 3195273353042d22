/* What the files of the store share. */
#ifndef STORE_INTERNAL_H
#define STORE_INTERNAL_H

#include "store/db.h"
#include "store/store.h"

struct store {
	struct db *db;
	char *database; /* as it was opened */
};

/* Memory for one batch, page or report. */
enum { STORE_ARENA_MAX = 512 * 1024 * 1024 };

/* The rua that was seen last among the unsealed parts of DOMAIN and POLICY (SQL
 * expressions) between two hours. A batch's id is a digest and says nothing
 * about time. */
#define STORE_LAST_RUA(domain, policy)                                         \
 "SELECT l.rua FROM dmarc_unsealed l LEFT JOIN dmarc_batch b"                  \
 " ON b.id = l.batch WHERE l.policy_domain = " domain                          \
 " AND l.policy = " policy " AND l.hour >= ? AND l.hour <= ?"                  \
 " ORDER BY b.added DESC, b.claim DESC, b.first_byte DESC, l.hour DESC"        \
 " LIMIT 1"

/* Texts separated by SP, each as row_write gives them. */
bool store_read_uris(struct arena *arena, struct text written,
    struct store_report *report) MUST_USE;

#endif
