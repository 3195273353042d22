/* Compiler attributes, in one place so that the rest is plain C17. */
#ifndef BASE_ATTR_H
#define BASE_ATTR_H

/* The caller must look at the result. */
#define MUST_USE __attribute__((warn_unused_result))

/* printf-like: argument number NTH is the format, FIRST the first value. */
#define PRINTF_LIKE(nth, first) __attribute__((format(printf, nth, first)))

/* For processors with FEATURE; ask __builtin_cpu_supports before a call. */
#define TARGET(feature) __attribute__((target(feature)))

#endif
