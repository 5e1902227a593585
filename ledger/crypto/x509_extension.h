#pragma once
// Parts of a certificate that only a few callers look at: extensions by their OID, and a root's
// signature over itself.

#include <cstdint>
#include <optional>
#include <string>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/x509.h"

namespace witan {

// The content of the extension with that dotted OID; nullopt without it. kMalformed when it stands
// there twice.
[[nodiscard]] Result<std::optional<Bytes>> certificate_extension(const Certificate& certificate,
                                                                 const std::string& oid);
// The same, read as one DER INTEGER. kMalformed when it is none, negative or above 2^64 - 1.
[[nodiscard]] Result<std::optional<std::uint64_t>> certificate_extension_integer(
    const Certificate& certificate, const std::string& oid);

// Whether the certificate's signature verifies under its own key. For callers who know a root by
// its key alone and take the rest of it from outside: a chain ends at an anchor unverified.
[[nodiscard]] bool signed_by_itself(const Certificate& certificate);

}  // namespace witan
