#pragma once
// What a TPM 2.0 signs about itself, parsed: TPMS_ATTEST of a quote and of a certified NV index,
// and the public area of an NV index. All integers are big-endian.
// Source: TCG TPM 2.0 Library, part 2, sections 10.12 (attestation structures), 10.6 (PCR
// selections) and 13 (NV structures).

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"
#include "ledger/crypto/digest.h"

namespace witan {

// A digest algorithm by its TPM_ALG_ID. kUnsupported for others than SHA-256, SHA-384, SHA-512.
[[nodiscard]] Result<HashFunction> tpm_hash(std::uint16_t algorithm);

// The PCRs of one bank that are meant.
struct TpmPcrSelection {
  std::uint16_t algorithm = 0;  // TPM_ALG_ID of the bank; 0x0004 (SHA-1) is told, not verified
  std::vector<unsigned> pcrs;   // ascending
  friend bool operator==(const TpmPcrSelection&, const TpmPcrSelection&) = default;
};

struct TpmQuoteBody {
  std::vector<TpmPcrSelection> selections;
  Bytes pcr_digest;
};

struct TpmNvBody {
  Bytes index_name;  // algorithm and digest of the index's public area
  std::uint16_t offset = 0;
  Bytes contents;
};

// TPMS_CLOCK_INFO. An attestation key outside of the endorsement hierarchy obfuscates the counts.
struct TpmClock {
  std::uint64_t clock_ms = 0;  // powered time since the last TPM2_Clear
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  bool safe = false;  // no higher clock was given before
};

struct TpmAttest {
  Bytes qualified_signer;
  Bytes extra_data;  // what the caller of the TPM wanted to be signed with it
  TpmClock clock;
  std::uint64_t firmware_version = 0;
  std::variant<TpmQuoteBody, TpmNvBody> body;

  // Exactly one structure of at most kTpmAttestBytesMax. kMalformed, also when it lacks the magic
  // by which a TPM marks what it made itself; kTooLarge; kUnsupported for other kinds of
  // attestation.
  static Result<TpmAttest> parse(BytesView bytes);
};

enum class TpmNvType {
  kOrdinary = 0,
  kCounter = 1,
  kBits = 2,
  kExtend = 4,
  kPinFail = 8,
  kPinPass = 9
};
[[nodiscard]] std::string_view to_string(TpmNvType type);

// TPMS_NV_PUBLIC.
struct TpmNvPublic {
  std::uint32_t index = 0;       // its handle, 0x01......
  std::uint32_t attributes = 0;  // TPMA_NV
  TpmNvType type = TpmNvType::kOrdinary;
  bool written = false;
  Bytes policy;  // digest; empty: none
  std::uint16_t size = 0;
  Bytes name;  // as TpmNvBody::index_name, computed from the bytes

  // One TPMS_NV_PUBLIC, with or without the length before it that TPM2B_NV_PUBLIC has. kMalformed,
  // kTooLarge, kUnsupported.
  static Result<TpmNvPublic> parse(BytesView bytes);
};

}  // namespace witan
