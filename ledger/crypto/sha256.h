#pragma once
// SHA-256 through OpenSSL's EVP with a digest that is fetched once and a context per thread:
// fetching costs more than hashing a Merkle node.

#include <initializer_list>
#include <memory>

#include "ledger/bytes.h"

namespace witan {

[[nodiscard]] Hash32 sha256(BytesView data);
// Of the concatenation.
[[nodiscard]] Hash32 sha256(std::initializer_list<BytesView> parts);

// RFC 9162 section 2.1.1: SHA-256(00 || entry) and SHA-256(01 || left || right).
[[nodiscard]] Hash32 leaf_hash(BytesView entry);
[[nodiscard]] Hash32 node_hash(const Hash32& left, const Hash32& right);
// SHA-256(""), the root of the empty tree.
[[nodiscard]] const Hash32& empty_root();

}  // namespace witan
