#pragma once
// Intel TDX quotes, versions 4 and 5, parsed. Integers are little-endian.
// Source: Intel TDX DCAP Quoting Library API, appendices A.3 (version 4) and A.4 (version 5, with
// bodies of TD reports 1.0 and 1.5).

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

using Measurement48 = std::array<std::uint8_t, 48>;  // SHA-384

// What the TDX module reports of a trust domain.
struct TdxReport {
  std::array<std::uint8_t, 16> tee_tcb_svn{};
  Measurement48 mr_seam{}, mr_signer_seam{};
  std::array<std::uint8_t, 8> seam_attributes{}, td_attributes{}, xfam{};
  Measurement48 mr_td{}, mr_config_id{}, mr_owner{}, mr_owner_config{};
  std::array<Measurement48, 4> rtmr{};
  std::array<std::uint8_t, 64> report_data{};
  // TD report 1.5 only.
  std::optional<std::array<std::uint8_t, 16>> tee_tcb_svn2;
  std::optional<Measurement48> mr_service_td;

  // Any of the bits that make a domain untrusted (TUD, the first byte; bit 0 is DEBUG).
  [[nodiscard]] bool debug() const { return td_attributes[0] != 0; }
};

// The quoting enclave's own report (SGX), which vouches for the attestation key.
struct TdxQeReport {
  std::array<std::uint8_t, 16> cpu_svn{};
  std::array<std::uint8_t, 4> misc_select{};
  std::array<std::uint8_t, 16> attributes{};
  Hash32 mr_enclave{}, mr_signer{};
  std::uint16_t isv_prod_id = 0, isv_svn = 0;
  std::array<std::uint8_t, 64> report_data{};
};

struct TdxQuote {
  std::uint16_t version = 0;  // 4 or 5
  std::array<std::uint8_t, 16> qe_vendor_id{};
  TdxReport report;
  Bytes signed_bytes;                              // header and body
  Signature64 signature{};                         // r || s, by the attestation key
  std::array<std::uint8_t, 64> attestation_key{};  // P-256, x || y
  TdxQeReport qe_report;
  Bytes qe_report_bytes;  // as signed, 384 bytes
  Signature64 qe_report_signature{};
  Bytes auth_data;        // with the attestation key in the QE report's data
  std::string pck_chain;  // PEM, leaf first
  // Bytes of the input after the quote. They are no part of it: drivers hand out longer buffers.
  std::size_t trailing_bytes = 0;

  // At most kTdxQuoteBytesMax. kMalformed, kTooLarge; kUnsupported for other versions, kinds of
  // key (P-256 alone), environments (SGX) and certification data (type 6 around type 5).
  static Result<TdxQuote> parse(BytesView bytes);
};

}  // namespace witan
