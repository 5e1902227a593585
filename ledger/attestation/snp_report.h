#pragma once
// AMD SEV-SNP attestation reports, versions 2, 3 and 5: the fields of the 1,184 bytes that the
// firmware signs, without any judgement.
// Source: AMD SEV Secure Nested Paging Firmware ABI Specification (publication 56860), section
// 7.3, tables "ATTESTATION_REPORT", "TCB_VERSION" and "GUEST_POLICY".

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan {

inline constexpr std::size_t kSnpReportBytes = 0x4a0;
inline constexpr std::size_t kSnpSignedBytes = 0x2a0;  // from the start of the report

// Product lines, each with an AMD root key (ARK) of its own. Bergamo and Siena count as Genoa.
enum class SnpProduct { kMilan, kGenoa, kTurin };
[[nodiscard]] std::string_view to_string(SnpProduct product);  // "Milan", "Genoa", "Turin"

// Security patch levels of the platform's firmware.
struct SnpTcb {
  std::optional<std::uint8_t> fmc;  // Turin and later
  std::uint8_t boot_loader = 0;
  std::uint8_t tee = 0;
  std::uint8_t snp = 0;
  std::uint8_t microcode = 0;
  friend bool operator==(const SnpTcb&, const SnpTcb&) = default;
};
// "boot loader 4, TEE 0, SNP 24, microcode 219", for Turin with "FMC 1, " before it.
[[nodiscard]] std::string to_string(const SnpTcb& tcb);

// A TCB_VERSION as it stands in a report; what its bytes mean depends on the product.
using SnpTcbBytes = std::array<std::uint8_t, 8>;
// kMalformed when a reserved byte is not zero.
[[nodiscard]] Result<SnpTcb> decode_snp_tcb(const SnpTcbBytes& bytes, SnpProduct product);

enum class SnpSigningKey : std::uint8_t {
  kVcek = 0,  // of the chip
  kVlek = 1,  // of the cloud provider
};

// A CPUID signature, from version 3 on.
struct SnpCpu {
  std::uint8_t family = 0;  // family and extended family together
  std::uint8_t model = 0;   // likewise
  std::uint8_t stepping = 0;
  friend bool operator==(const SnpCpu&, const SnpCpu&) = default;
};

struct SnpFirmware {
  std::uint8_t major = 0;
  std::uint8_t minor = 0;
  std::uint8_t build = 0;
  friend bool operator==(const SnpFirmware&, const SnpFirmware&) = default;
};

// GUEST_POLICY, chosen by who launched the guest.
struct SnpGuestPolicy {
  std::uint8_t abi_major = 0;
  std::uint8_t abi_minor = 0;
  bool smt = false;        // simultaneous multithreading is allowed
  bool migration = false;  // a migration agent may be associated
  bool debug = false;      // the host may read and write the guest's memory
  bool single_socket = false;
  std::uint64_t bits = 0;  // all of it
};

struct SnpReport {
  std::uint32_t version = 0;
  std::uint32_t guest_svn = 0;
  SnpGuestPolicy policy;
  std::array<std::uint8_t, 16> family_id{};  // of the guest, from its ID block
  std::array<std::uint8_t, 16> image_id{};
  std::uint32_t vmpl = 0;  // 0 is the most privileged; 0xffffffff when the host asked
  std::uint64_t platform_info = 0;
  bool author_key = false;  // author_key_digest is meant
  bool chip_id_masked = false;
  SnpSigningKey signing_key = SnpSigningKey::kVcek;
  std::array<std::uint8_t, 64> report_data{};  // what the guest asked to have signed
  std::array<std::uint8_t, 48> measurement{};  // of the guest at launch
  Hash32 host_data{};                          // what the host gave at launch
  std::array<std::uint8_t, 48> id_key_digest{};
  std::array<std::uint8_t, 48> author_key_digest{};
  Hash32 report_id{};
  Hash32 migration_agent_report_id{};
  std::optional<SnpCpu> cpu;  // from version 3 on
  std::array<std::uint8_t, 64> chip_id{};
  SnpTcbBytes current_tcb{}, reported_tcb{}, committed_tcb{}, launch_tcb{};
  SnpFirmware current_firmware, committed_firmware;
  // Vulnerabilities that the firmware says are mitigated; version 5.
  std::optional<std::uint64_t> launch_mitigations, current_mitigations;
  std::array<std::uint8_t, 96> signature{};  // ECDSA P-384, r || s, big-endian

  // Exactly kSnpReportBytes. kMalformed (length, a reserved field that is not zero, reserved bits
  // of the policy or of the key information), kUnsupported (another version, signature algorithm
  // or signing key; a report that is not signed).
  static Result<SnpReport> parse(BytesView bytes);

  // The product line by family and model; nullopt before version 3. kUnsupported for others.
  [[nodiscard]] Result<std::optional<SnpProduct>> product() const;
};

}  // namespace witan
