#pragma once
// SEV-SNP evidence for tests, made under a root of our own: a report, its signing key's
// certificate with AMD's extensions, and the chain above it.

#include <algorithm>
#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ledger/attestation/snp_verify.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "tests/ledger/registration/certificate_maker.h"

namespace witan::test {

inline void put_number(Bytes& out, std::size_t at, std::uint64_t value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) out[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
}

inline SnpTcbBytes tcb_bytes(const SnpTcb& tcb) {
  SnpTcbBytes out{};
  out[7] = tcb.microcode;
  if (tcb.fmc) {
    out[0] = *tcb.fmc;
    out[1] = tcb.boot_loader;
    out[2] = tcb.tee;
    out[3] = tcb.snp;
  } else {
    out[0] = tcb.boot_loader;
    out[1] = tcb.tee;
    out[6] = tcb.snp;
  }
  return out;
}

struct SnpRequest {
  SnpProduct product = SnpProduct::kMilan;
  std::uint32_t version = 3;
  bool vlek = false;
  SnpTcb tcb = {.fmc = std::nullopt, .boot_loader = 4, .tee = 0, .snp = 24, .microcode = 219};
  std::uint64_t policy = 0x3001f;
  std::uint32_t vmpl = 0;
  Bytes report_data = {};  // at most 64 bytes
};

// A report without its signature.
inline Bytes make_snp_report(const SnpRequest& request) {
  Bytes out(kSnpReportBytes, 0);
  put_number(out, 0x00, request.version, 4);
  put_number(out, 0x04, 7, 4);  // guest SVN
  put_number(out, 0x08, request.policy, 8);
  put_number(out, 0x30, request.vmpl, 4);
  put_number(out, 0x34, 1, 4);
  put_number(out, 0x40, 0x25, 8);
  put_number(out, 0x48, request.vlek ? 4 : 0, 4);
  std::copy(request.report_data.begin(), request.report_data.end(), out.begin() + 0x50);
  for (std::size_t i = 0; i < 48; ++i) out[0x90 + i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < 32; ++i) out[0xc0 + i] = static_cast<std::uint8_t>(0x80 + i);
  const SnpTcbBytes tcb = tcb_bytes(request.tcb);
  for (const std::size_t at : {0x38, 0x180, 0x1e0, 0x1f0}) {
    std::copy(tcb.begin(), tcb.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  }
  if (request.version >= 3) {
    out[0x188] = request.product == SnpProduct::kTurin ? 0x1a : 0x19;
    out[0x189] = request.product == SnpProduct::kMilan ? 0x01 : 0x11;
    out[0x18a] = 1;
  }
  if (request.version >= 5) put_number(out, 0x1f8, 3, 8);
  if (!request.vlek) {
    const std::size_t size = request.product == SnpProduct::kTurin ? 8 : 64;
    for (std::size_t i = 0; i < size; ++i) out[0x1a0 + i] = static_cast<std::uint8_t>(0xc0 + i);
  }
  put_number(out, 0x1e8, 0x013725, 3);
  put_number(out, 0x1ec, 0x013725, 3);
  return out;
}

struct SnpChain {
  SnpRequest request;
  PrivateKey root_key = PrivateKey::generate(KeyKind::kP384).value();
  PrivateKey middle_key = PrivateKey::generate(KeyKind::kP384).value();
  PrivateKey leaf_key = PrivateKey::generate(KeyKind::kP384).value();
  Certificate root =
      make_certificate({.name = "ARK", .extensions = kCaExtensions}, root_key, "ARK", root_key);
  Certificate middle =
      make_certificate({.name = "ASK", .extensions = kCaExtensions}, middle_key, "ARK", root_key);
  Certificate leaf;
  Bytes report;

  explicit SnpChain(const SnpRequest& request_in = {})
      : request(request_in), leaf(make_leaf(extensions())), report(make_snp_report(request)) {
    sign();
  }

  [[nodiscard]] std::vector<std::pair<std::string, std::string>> extensions() const {
    const std::string base = "1.3.6.1.4.1.3704.1.";
    std::vector<std::pair<std::string, std::string>> out{
        {base + "3.1", integer(request.tcb.boot_loader)},
        {base + "3.2", integer(request.tcb.tee)},
        {base + "3.3", integer(request.tcb.snp)},
        {base + "3.8", integer(request.tcb.microcode)}};
    if (request.tcb.fmc) out.emplace_back(base + "3.9", integer(*request.tcb.fmc));
    if (request.vlek) {
      out.emplace_back(base + "5", "DER:16024353");
      return out;
    }
    const Bytes unsigned_report = make_snp_report(request);
    const std::size_t size = request.product == SnpProduct::kTurin ? 8 : 64;
    out.emplace_back(base + "4",
                     "DER:" + hex_encode(BytesView(unsigned_report).subspan(0x1a0, size)));
    return out;
  }
  static std::string integer(std::uint8_t value) {
    const Bytes byte{value};
    return (value < 0x80 ? "DER:0201" : "DER:020200") + hex_encode(byte);
  }
  [[nodiscard]] Certificate make_leaf(
      const std::vector<std::pair<std::string, std::string>>& with) const {
    return make_certificate({.name = "SEV-VCEK", .extensions = with}, leaf_key, "ASK", middle_key);
  }
  void sign() {
    const Bytes signature =
        leaf_key.sign(Algorithm::kEs384, BytesView(report).first(kSnpSignedBytes)).value();
    for (const std::size_t half : {0, 1}) {
      const auto first = signature.begin() + static_cast<std::ptrdiff_t>(half * 48);
      std::reverse_copy(first, first + 48,
                        report.begin() + static_cast<std::ptrdiff_t>(0x2a0 + half * 72));
    }
  }
  [[nodiscard]] AmdRoot pinned() const {
    return {request.product, {"ARK of the test", sha256(root.public_key().spki())}};
  }
  [[nodiscard]] std::vector<Certificate> all() const { return {root, leaf, middle}; }
  [[nodiscard]] Result<SnpVerified> verify(
      std::optional<std::int64_t> time_s = 1'800'000'000) const {
    const std::vector<AmdRoot> roots{pinned()};
    return verify_snp(report, all(), time_s, roots);
  }
};

}  // namespace witan::test
