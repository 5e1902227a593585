#pragma once
// What requests to the cosigner and its replies share (docs/enclave-protocol.md).

#include <cstddef>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/format/cbor.h"
#include "ledger/format/note.h"

namespace witan {

// kMalformed unless both are equal; `what` is named.
[[nodiscard]] Result<void> expect_count(std::string_view what, std::size_t found,
                                        std::size_t expected);
// The head of an array of at most `most` elements. kTooLarge.
[[nodiscard]] Result<std::size_t> read_count(CborReader& reader, std::string_view what,
                                             std::size_t most);
// A message's array with its version and word; the other elements are to follow.
[[nodiscard]] CborWriter begin_message(std::size_t elements, std::string_view word);

void write_verifier_keys(CborWriter& writer, const std::vector<VerifierKey>& keys);
// At most `most`. kMalformed, kTooLarge, kUnsupported.
[[nodiscard]] Result<std::vector<VerifierKey>> read_verifier_keys(CborReader& reader,
                                                                  std::size_t most);

}  // namespace witan
