#include "ledger/attestation/snp_report.h"

#include <algorithm>

namespace witan {
namespace {

constexpr std::size_t kPolicyAt = 0x08, kKeyInfoAt = 0x48, kReservedAt = 0x4c, kCpuAt = 0x188,
                      kCpuEnd = 0x18b, kChipIdAt = 0x1a0, kMitigationsAt = 0x1f8,
                      kMitigationsEnd = 0x208, kNumberBytes = 72, kCoordinateBytes = 48;

// Reads little-endian fields of a report whose length was checked.
class SnpFields {
 public:
  explicit SnpFields(BytesView bytes) : bytes_(bytes) {}

  [[nodiscard]] std::uint64_t number(std::size_t at, std::size_t size) const {
    std::uint64_t out = 0;
    for (std::size_t i = size; i-- > 0;) out = (out << 8) | bytes_[at + i];
    return out;
  }
  [[nodiscard]] std::uint32_t u32(std::size_t at) const {
    return static_cast<std::uint32_t>(number(at, 4));
  }
  [[nodiscard]] std::uint64_t u64(std::size_t at) const { return number(at, 8); }
  template <std::size_t kSize>
  void copy(std::size_t at, std::array<std::uint8_t, kSize>& out) const {
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(at), kSize, out.begin());
  }
  // Byte for byte zero, from `begin` up to and without `end`.
  [[nodiscard]] Result<void> expect_zero(std::size_t begin, std::size_t end) const {
    for (std::size_t at = begin; at < end; ++at) {
      if (bytes_[at] == 0) continue;
      return fail(ErrorCode::kMalformed, "SNP report: reserved byte " + std::to_string(at) +
                                             " is " + std::to_string(bytes_[at]) + ", expected 0");
    }
    return {};
  }

 private:
  BytesView bytes_;
};

bool has_bit(std::uint64_t bits, unsigned bit) {
  return ((bits >> bit) & 1) != 0;
}

Result<SnpGuestPolicy> read_policy(std::uint64_t bits) {
  constexpr unsigned kSmt = 16, kAlwaysOne = 17, kMigration = 18, kDebug = 19, kSingleSocket = 20,
                     kFirstReserved = 26;
  if (!has_bit(bits, kAlwaysOne)) {
    return fail(ErrorCode::kMalformed,
                "SNP report: reserved bit 17 of the policy is 0, expected 1");
  }
  // What a bit allows that nobody knows here, nobody has judged.
  if (bits >> kFirstReserved != 0) {
    return fail(ErrorCode::kMalformed,
                "SNP report: reserved bits of the policy (26 to 63) are not all 0");
  }
  return SnpGuestPolicy{.abi_major = static_cast<std::uint8_t>(bits >> 8),
                        .abi_minor = static_cast<std::uint8_t>(bits),
                        .smt = has_bit(bits, kSmt),
                        .migration = has_bit(bits, kMigration),
                        .debug = has_bit(bits, kDebug),
                        .single_socket = has_bit(bits, kSingleSocket),
                        .bits = bits};
}

Result<void> read_key_info(std::uint32_t bits, SnpReport& out) {
  constexpr unsigned kSigningKeyShift = 2, kSigningKeyMask = 7, kNoSignature = 7,
                     kFirstReserved = 5;
  if (bits >> kFirstReserved != 0) {
    return fail(ErrorCode::kMalformed,
                "SNP report: reserved bits of the key information (5 to 31) are not all 0");
  }
  out.author_key = has_bit(bits, 0);
  out.chip_id_masked = has_bit(bits, 1);
  const unsigned key = (bits >> kSigningKeyShift) & kSigningKeyMask;
  if (key == kNoSignature) {
    return fail(ErrorCode::kUnsupported, "SNP report: it says that it is not signed");
  }
  if (key > 1) {
    return fail(ErrorCode::kUnsupported, "SNP report: signing key " + std::to_string(key) +
                                             ", expected 0 (VCEK) or 1 (VLEK)");
  }
  out.signing_key = static_cast<SnpSigningKey>(key);
  return {};
}

// Two numbers, little-endian in more bytes than P-384 needs.
Result<void> read_signature(const SnpFields& fields, SnpReport& out) {
  for (std::size_t i = 0; i < 2; ++i) {
    const std::size_t at = kSnpSignedBytes + i * kNumberBytes;
    WITAN_TRY(fields.expect_zero(at + kCoordinateBytes, at + kNumberBytes));
    std::array<std::uint8_t, kCoordinateBytes> number{};
    fields.copy(at, number);
    std::reverse_copy(number.begin(), number.end(),
                      out.signature.begin() + static_cast<std::ptrdiff_t>(i * kCoordinateBytes));
  }
  return fields.expect_zero(kSnpSignedBytes + 2 * kNumberBytes, kSnpReportBytes);
}

// The fields that not all versions have, and what must be zero around them.
Result<void> read_by_version(const SnpFields& fields, SnpReport& out) {
  if (out.version >= 3) {
    out.cpu = SnpCpu{.family = static_cast<std::uint8_t>(fields.number(kCpuAt, 1)),
                     .model = static_cast<std::uint8_t>(fields.number(kCpuAt + 1, 1)),
                     .stepping = static_cast<std::uint8_t>(fields.number(kCpuAt + 2, 1))};
  }
  WITAN_TRY(fields.expect_zero(out.cpu ? kCpuEnd : kCpuAt, kChipIdAt));
  if (out.version >= 5) {
    out.launch_mitigations = fields.u64(kMitigationsAt);
    out.current_mitigations = fields.u64(kMitigationsAt + 8);
  }
  return fields.expect_zero(out.launch_mitigations ? kMitigationsEnd : kMitigationsAt,
                            kSnpSignedBytes);
}

Result<SnpFirmware> read_firmware(const SnpFields& fields, std::size_t at) {
  WITAN_TRY(fields.expect_zero(at + 3, at + 4));
  return SnpFirmware{.major = static_cast<std::uint8_t>(fields.number(at + 2, 1)),
                     .minor = static_cast<std::uint8_t>(fields.number(at + 1, 1)),
                     .build = static_cast<std::uint8_t>(fields.number(at, 1))};
}

void read_plain(const SnpFields& fields, SnpReport& out) {
  out.guest_svn = fields.u32(0x04);
  fields.copy(0x10, out.family_id);
  fields.copy(0x20, out.image_id);
  out.vmpl = fields.u32(0x30);
  fields.copy(0x38, out.current_tcb);
  out.platform_info = fields.u64(0x40);
  fields.copy(0x50, out.report_data);
  fields.copy(0x90, out.measurement);
  fields.copy(0xc0, out.host_data);
  fields.copy(0xe0, out.id_key_digest);
  fields.copy(0x110, out.author_key_digest);
  fields.copy(0x140, out.report_id);
  fields.copy(0x160, out.migration_agent_report_id);
  fields.copy(0x180, out.reported_tcb);
  fields.copy(kChipIdAt, out.chip_id);
  fields.copy(0x1e0, out.committed_tcb);
  fields.copy(0x1f0, out.launch_tcb);
}

}  // namespace

std::string_view to_string(SnpProduct product) {
  switch (product) {
    case SnpProduct::kMilan:
      return "Milan";
    case SnpProduct::kGenoa:
      return "Genoa";
    case SnpProduct::kTurin:
      break;
  }
  return "Turin";
}

std::string to_string(const SnpTcb& tcb) {
  return (tcb.fmc ? "FMC " + std::to_string(*tcb.fmc) + ", " : std::string()) + "boot loader " +
         std::to_string(tcb.boot_loader) + ", TEE " + std::to_string(tcb.tee) + ", SNP " +
         std::to_string(tcb.snp) + ", microcode " + std::to_string(tcb.microcode);
}

Result<SnpTcb> decode_snp_tcb(const SnpTcbBytes& bytes, SnpProduct product) {
  const bool with_fmc = product == SnpProduct::kTurin;
  const std::size_t reserved_begin = with_fmc ? 4 : 2;
  const std::size_t reserved_end = with_fmc ? 7 : 6;
  for (std::size_t i = reserved_begin; i < reserved_end; ++i) {
    if (bytes[i] == 0) continue;
    return fail(ErrorCode::kMalformed, "SNP report: reserved byte " + std::to_string(i) +
                                           " of a TCB version for " +
                                           std::string(to_string(product)) + " is " +
                                           std::to_string(bytes[i]) + ", expected 0");
  }
  if (with_fmc) {
    return SnpTcb{.fmc = bytes[0],
                  .boot_loader = bytes[1],
                  .tee = bytes[2],
                  .snp = bytes[3],
                  .microcode = bytes[7]};
  }
  return SnpTcb{.fmc = std::nullopt,
                .boot_loader = bytes[0],
                .tee = bytes[1],
                .snp = bytes[6],
                .microcode = bytes[7]};
}

Result<SnpReport> SnpReport::parse(BytesView bytes) {
  if (bytes.size() != kSnpReportBytes) {
    return fail(ErrorCode::kMalformed, "SNP report: " + std::to_string(bytes.size()) +
                                           " bytes, expected " + std::to_string(kSnpReportBytes));
  }
  const SnpFields fields(bytes);
  SnpReport out;
  out.version = fields.u32(0);
  if (out.version != 2 && out.version != 3 && out.version != 5) {
    return fail(ErrorCode::kUnsupported,
                "SNP report: version " + std::to_string(out.version) + ", expected 2, 3 or 5");
  }
  constexpr std::uint32_t kEcdsaP384Sha384 = 1;
  if (const std::uint32_t algorithm = fields.u32(0x34); algorithm != kEcdsaP384Sha384) {
    return fail(ErrorCode::kUnsupported, "SNP report: signature algorithm " +
                                             std::to_string(algorithm) +
                                             ", expected 1 (ECDSA P-384 with SHA-384)");
  }
  read_plain(fields, out);
  WITAN_ASSIGN(out.policy, read_policy(fields.u64(kPolicyAt)));
  WITAN_TRY(read_key_info(fields.u32(kKeyInfoAt), out));
  WITAN_TRY(fields.expect_zero(kReservedAt, kReservedAt + 4));
  WITAN_ASSIGN(out.current_firmware, read_firmware(fields, 0x1e8));
  WITAN_ASSIGN(out.committed_firmware, read_firmware(fields, 0x1ec));
  WITAN_TRY(read_by_version(fields, out));
  WITAN_TRY(read_signature(fields, out));
  return out;
}

Result<std::optional<SnpProduct>> SnpReport::product() const {
  if (!cpu) return std::optional<SnpProduct>();
  // Models by their high digit: 0 Milan, 1 Genoa, a Bergamo and Siena; 0 and 1 Turin.
  const unsigned line = cpu->model >> 4;
  if (cpu->family == 0x19 && line == 0x0) return SnpProduct::kMilan;
  if (cpu->family == 0x19 && (line == 0x1 || line == 0xa)) return SnpProduct::kGenoa;
  if (cpu->family == 0x1a && line <= 0x1) return SnpProduct::kTurin;
  return fail(ErrorCode::kUnsupported,
              "SNP report: processor family " + std::to_string(cpu->family) + ", model " +
                  std::to_string(cpu->model) + ", expected one of Milan, Genoa or Turin");
}

}  // namespace witan
