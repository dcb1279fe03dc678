/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * dlopen of OpenSSL and a table of its functions. The table is the process's, like the library: the
 * callbacks of a BIO have no place for a pointer of ours. It is never unloaded, since OpenSSL
 * leaves handlers for the end of the process behind. Sources: dlopen(3), OpenSSL 3.0 manual,
 * OPENSSL_init_crypto(3).
 */
#define OSSL_NAMES_ONLY
#include "detect/ossl.h"

#include "base/err.h"
#include "base/log.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#define TEXT(x)      #x
#define TEXT_OF(x)   TEXT(x)
#define LIBRARY_NAME "libssl.so." TEXT_OF(OPENSSL_SHLIB_VERSION)

static struct {
	pthread_once_t once;
	int err;
	_Atomic bool is_missing;
	struct ossl functions;
} library = {.once = PTHREAD_ONCE_INIT};

static const struct {
	const char *name;
	size_t at;
} rows[] = {
#define OSSL_ROW(name) {#name, offsetof(struct ossl, name)},
	OSSL_FUNCTIONS(OSSL_ROW)
#undef OSSL_ROW
};

static void load(void)
{
	void *handle = dlopen(LIBRARY_NAME, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	bool is_whole = handle;

	for (size_t i = 0; i < ARRAY_LEN(rows) && is_whole; i++) {
		void *function = dlsym(handle, rows[i].name);

		is_whole = function;
		memcpy((char *)&library.functions + rows[i].at, &function, sizeof(function));
	}
	library.err = is_whole ? 0 : -E_UNSUPPORTED;
	atomic_store(&library.is_missing, !is_whole);
	if (!is_whole)
		log_at(LOG_ERROR, "tls",
		       "nothing behind TLS can be examined: %s (Debian's package is libssl" TEXT_OF(
			       OPENSSL_SHLIB_VERSION) ")",
		       dlerror());
}

int ossl_load(void)
{
	(void)pthread_once(&library.once, load);
	return library.err;
}

bool ossl_is_missing(void)
{
	return atomic_load(&library.is_missing);
}

const struct ossl *ossl(void)
{
	return &library.functions;
}
