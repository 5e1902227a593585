#pragma once
// Certificate chains of attestation evidence: collected from files in any order and verified up to
// a manufacturer's root that is known by its key.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/x509.h"

namespace witan {

// A root, known by the SHA-256 of its DER SubjectPublicKeyInfo. The certificate itself comes with
// the evidence.
struct PinnedRoot {
  std::string_view name;  // for messages
  Hash32 spki_sha256{};
};

// All certificates of the files, in their order, each once. A file is one DER certificate or PEM
// text with one or more. kMalformed; kTooLarge for more than kCertificatesMax in all.
[[nodiscard]] Result<std::vector<Certificate>> read_certificates(std::span<const BytesView> files);

// Validates a path (RFC 5280 section 6) from `leaf` through any of `others` to one of `roots`,
// which must stand among `others`, and gives its index in `roots`. The root's own signature must
// verify too, so that no byte of the path is free. `time_s` as in ChainOptions. kBadIdentity.
[[nodiscard]] Result<std::size_t> verify_pinned_chain(const Certificate& leaf,
                                                      std::span<const Certificate> others,
                                                      std::span<const PinnedRoot> roots,
                                                      std::optional<std::int64_t> time_s);

}  // namespace witan
