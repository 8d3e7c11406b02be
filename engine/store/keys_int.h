#ifndef DU_KEYS_INT_H
#define DU_KEYS_INT_H

/* One key (key.c), for the folder of them (keys.c). */

#include "keys.h"

#include <openssl/evp.h>
#include <stdio.h>

/* NULL: no Ed25519 private key. The caller's. */
EVP_PKEY *du_key_read(FILE *file);
bool du_key_write(EVP_PKEY *pkey, FILE *file);
/* Its public half and its kid. False: out of memory. */
bool du_key_name(EVP_PKEY *pkey, char x[DU_KEY_ID], char kid[DU_KEY_ID]);

#endif
