// SEV-SNP reports: one that parses keeps its bytes, and never verifies without certificates.

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "ledger/attestation/snp_verify.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace witan;
  const BytesView bytes(data, size);
  const auto report = SnpReport::parse(bytes);
  if (report) {
    if (size != kSnpReportBytes || !report->policy.bits) std::abort();
    if (!equal(report->measurement, bytes.subspan(0x90, 48))) std::abort();
    if (!equal(report->report_data, bytes.subspan(0x50, 64))) std::abort();
    (void)report->product();
    for (const SnpProduct product : {SnpProduct::kMilan, SnpProduct::kGenoa, SnpProduct::kTurin}) {
      const auto tcb = decode_snp_tcb(report->reported_tcb, product);
      if (tcb && tcb->fmc.has_value() != (product == SnpProduct::kTurin)) std::abort();
    }
  }
  // The rest of the input, when it is longer, as the certificates.
  const std::size_t split = size > kSnpReportBytes ? kSnpReportBytes : size;
  const BytesView files[] = {bytes.subspan(split)};
  const auto certificates = read_certificates(files);
  if (!certificates) return 0;
  if (verify_snp(bytes.first(split), *certificates, std::nullopt)) std::abort();
  return 0;
}
