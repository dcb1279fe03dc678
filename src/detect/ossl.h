/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * OpenSSL, loaded when the first TLS peer or certificate is met: linked in, the relocations of its
 * tables would be half of the start of every scan. After this header the functions named below are
 * called by their own names and run in the loaded library; one that is missing from the list does
 * not link.
 */
#pragma once

#include "base/compiler.h"

#include <openssl/err.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

/* clang-format off */
#define OSSL_FUNCTIONS(X) \
	X(ASN1_STRING_get0_data) X(ASN1_STRING_length) X(ASN1_TIME_to_tm) X(BIO_clear_flags) \
	X(BIO_free) X(BIO_get_data) X(BIO_meth_free) X(BIO_meth_new) X(BIO_meth_set_ctrl) \
	X(BIO_meth_set_read) X(BIO_meth_set_write) X(BIO_new) X(BIO_set_data) \
	X(BIO_set_flags) X(BIO_set_init) X(ERR_clear_error) \
	X(ERR_peek_last_error) X(EVP_EncodeBlock) X(GENERAL_NAMES_free) X(OPENSSL_sk_free) \
	X(OPENSSL_sk_new_null) X(OPENSSL_sk_num) X(OPENSSL_sk_push) X(OPENSSL_sk_value) \
	X(SHA1) X(SHA256) X(SSL_CTX_ctrl) X(SSL_CTX_free) X(SSL_CTX_new) \
	X(SSL_CTX_set_cipher_list) X(SSL_CTX_set_options) X(SSL_CTX_set_security_callback) \
	X(SSL_CTX_set_security_level) X(SSL_CTX_set_verify) X(SSL_ctrl) X(SSL_do_handshake) \
	X(SSL_free) X(SSL_get0_peer_certificate) X(SSL_get_error) \
	X(SSL_get_version) X(SSL_is_init_finished) X(SSL_new) X(SSL_read_ex) X(SSL_set_bio) \
	X(SSL_set_connect_state) X(SSL_set_msg_callback) X(SSL_write_ex) X(TLS_client_method) X(X509_NAME_cmp) \
	X(X509_NAME_get_text_by_NID) X(X509_STORE_CTX_free) X(X509_STORE_CTX_get0_param) \
	X(X509_STORE_CTX_get_error) X(X509_STORE_CTX_init) X(X509_STORE_CTX_new) \
	X(X509_STORE_free) X(X509_STORE_load_file) X(X509_STORE_new) \
	X(X509_STORE_set_default_paths) X(X509_VERIFY_PARAM_set_auth_level) \
	X(X509_VERIFY_PARAM_set_flags) X(X509_VERIFY_PARAM_set_purpose) X(X509_free) \
	X(X509_get0_notAfter) X(X509_get0_notBefore) X(X509_get0_pubkey) X(X509_get_ext_d2i) \
	X(X509_get_issuer_name) X(X509_get_subject_name) X(X509_verify) X(X509_verify_cert) \
	X(X509_verify_cert_error_string) X(d2i_X509)
/* clang-format on */

struct ossl {
#define OSSL_MEMBER(name) __typeof__(name) *name;
	OSSL_FUNCTIONS(OSSL_MEMBER)
#undef OSSL_MEMBER
};

/**
 * Load the library if that was not done yet, for as long as the process lives. Thread: any. Cost of
 * the first call: the library's start. @return 0, or -E_UNSUPPORTED, which the log explains, when
 * it is not there or lacks a function: nothing below may be called then.
 */
int ossl_load(void) MUST_CHECK;
/** @return whether it was wanted and could not be loaded. Thread: any. */
bool ossl_is_missing(void);
/** The functions, after ossl_load() returned 0. */
const struct ossl *ossl(void);

#ifndef OSSL_NAMES_ONLY
#define ASN1_STRING_get0_data            ossl()->ASN1_STRING_get0_data
#define ASN1_STRING_length               ossl()->ASN1_STRING_length
#define ASN1_TIME_to_tm                  ossl()->ASN1_TIME_to_tm
#define BIO_clear_flags                  ossl()->BIO_clear_flags
#define BIO_free                         ossl()->BIO_free
#define BIO_get_data                     ossl()->BIO_get_data
#define BIO_meth_free                    ossl()->BIO_meth_free
#define BIO_meth_new                     ossl()->BIO_meth_new
#define BIO_meth_set_ctrl                ossl()->BIO_meth_set_ctrl
#define BIO_meth_set_read                ossl()->BIO_meth_set_read
#define BIO_meth_set_write               ossl()->BIO_meth_set_write
#define BIO_new                          ossl()->BIO_new
#define BIO_set_data                     ossl()->BIO_set_data
#define BIO_set_flags                    ossl()->BIO_set_flags
#define BIO_set_init                     ossl()->BIO_set_init
#define ERR_clear_error                  ossl()->ERR_clear_error
#define ERR_peek_last_error              ossl()->ERR_peek_last_error
#define EVP_EncodeBlock                  ossl()->EVP_EncodeBlock
#define GENERAL_NAMES_free               ossl()->GENERAL_NAMES_free
#define OPENSSL_sk_free                  ossl()->OPENSSL_sk_free
#define OPENSSL_sk_new_null              ossl()->OPENSSL_sk_new_null
#define OPENSSL_sk_num                   ossl()->OPENSSL_sk_num
#define OPENSSL_sk_push                  ossl()->OPENSSL_sk_push
#define OPENSSL_sk_value                 ossl()->OPENSSL_sk_value
#define SHA1                             ossl()->SHA1
#define SHA256                           ossl()->SHA256
#define SSL_CTX_ctrl                     ossl()->SSL_CTX_ctrl
#define SSL_CTX_free                     ossl()->SSL_CTX_free
#define SSL_CTX_new                      ossl()->SSL_CTX_new
#define SSL_CTX_set_cipher_list          ossl()->SSL_CTX_set_cipher_list
#define SSL_CTX_set_options              ossl()->SSL_CTX_set_options
#define SSL_CTX_set_security_callback    ossl()->SSL_CTX_set_security_callback
#define SSL_CTX_set_security_level       ossl()->SSL_CTX_set_security_level
#define SSL_CTX_set_verify               ossl()->SSL_CTX_set_verify
#define SSL_ctrl                         ossl()->SSL_ctrl
#define SSL_do_handshake                 ossl()->SSL_do_handshake
#define SSL_free                         ossl()->SSL_free
#define SSL_get0_peer_certificate        ossl()->SSL_get0_peer_certificate
#define SSL_get_error                    ossl()->SSL_get_error
#define SSL_get_version                  ossl()->SSL_get_version
#define SSL_is_init_finished             ossl()->SSL_is_init_finished
#define SSL_new                          ossl()->SSL_new
#define SSL_read_ex                      ossl()->SSL_read_ex
#define SSL_set_bio                      ossl()->SSL_set_bio
#define SSL_set_connect_state            ossl()->SSL_set_connect_state
#define SSL_set_msg_callback             ossl()->SSL_set_msg_callback
#define SSL_write_ex                     ossl()->SSL_write_ex
#define TLS_client_method                ossl()->TLS_client_method
#define X509_NAME_cmp                    ossl()->X509_NAME_cmp
#define X509_NAME_get_text_by_NID        ossl()->X509_NAME_get_text_by_NID
#define X509_STORE_CTX_free              ossl()->X509_STORE_CTX_free
#define X509_STORE_CTX_get0_param        ossl()->X509_STORE_CTX_get0_param
#define X509_STORE_CTX_get_error         ossl()->X509_STORE_CTX_get_error
#define X509_STORE_CTX_init              ossl()->X509_STORE_CTX_init
#define X509_STORE_CTX_new               ossl()->X509_STORE_CTX_new
#define X509_STORE_free                  ossl()->X509_STORE_free
#define X509_STORE_load_file             ossl()->X509_STORE_load_file
#define X509_STORE_new                   ossl()->X509_STORE_new
#define X509_STORE_set_default_paths     ossl()->X509_STORE_set_default_paths
#define X509_VERIFY_PARAM_set_auth_level ossl()->X509_VERIFY_PARAM_set_auth_level
#define X509_VERIFY_PARAM_set_flags      ossl()->X509_VERIFY_PARAM_set_flags
#define X509_VERIFY_PARAM_set_purpose    ossl()->X509_VERIFY_PARAM_set_purpose
#define X509_free                        ossl()->X509_free
#define X509_get0_notAfter               ossl()->X509_get0_notAfter
#define X509_get0_notBefore              ossl()->X509_get0_notBefore
#define X509_get0_pubkey                 ossl()->X509_get0_pubkey
#define X509_get_ext_d2i                 ossl()->X509_get_ext_d2i
#define X509_get_issuer_name             ossl()->X509_get_issuer_name
#define X509_get_subject_name            ossl()->X509_get_subject_name
#define X509_verify                      ossl()->X509_verify
#define X509_verify_cert                 ossl()->X509_verify_cert
#define X509_verify_cert_error_string    ossl()->X509_verify_cert_error_string
#define d2i_X509                         ossl()->d2i_X509
#endif
