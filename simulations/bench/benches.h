#pragma once
// The benches. Each adds its figures to the report; an error means that it could not be run, or
// that what it got was wrong.

#include "config/result.h"
#include "simulations/bench/report.h"

namespace witan::bench {

struct Scale {
  double seconds = 8;  // of each load
};

[[nodiscard]] Result<void> bench_register(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_receipts(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_tiles(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_tree(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_receipt_verify(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_million(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_append(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_enclave(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_witness(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_witness_40k(Report& report, const Scale& scale);
[[nodiscard]] Result<void> bench_witnessed(Report& report, const Scale& scale);

}  // namespace witan::bench
