#pragma once
// The load generator: keep-alive connections that send requests made beforehand, one at a time
// each, from a file. It runs as a process of its own (`witan-bench load`), so that neither its
// memory nor its time is counted as the server's.

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/result.h"
#include "ledger/bytes.h"

namespace witan::bench {

// Requests one after the other, each with its length before it.
class RequestFile {
 public:
  static Result<RequestFile> create(const std::string& path);
  void add(std::string_view request);
  void add(std::string_view head, BytesView body);
  [[nodiscard]] Result<void> finish();

 private:
  explicit RequestFile(std::string path) : path_(std::move(path)) {}
  Result<void> flush();

  std::string path_;
  std::string pending_;
  bool failed_ = false;
};

// A file of POST /entries, one for each statement, in order.
[[nodiscard]] Result<void> write_register_requests(const std::string& path,
                                                   const std::vector<Bytes>& statements);

struct LoadOptions {
  std::uint16_t port = 0;  // of 127.0.0.1
  unsigned connections = 1;
  std::string requests_file;
  // No request is begun later than this; those under way are waited for.
  std::chrono::milliseconds duration{10'000};
  bool repeat = false;   // begin again at the end of the file
  unsigned samples = 0;  // answers to keep whole, spread over the run
};

struct Sample {
  std::uint64_t request = 0;  // its number in the file
  unsigned status = 0;
  Bytes body;
};

struct LoadResult {
  double seconds = 0;
  std::map<unsigned, std::uint64_t> statuses;
  std::uint64_t body_bytes = 0;
  double p50_ms = 0;
  double p99_ms = 0;
  double max_ms = 0;
  double cpu_seconds = 0;  // of the generator
  std::vector<Sample> samples;

  [[nodiscard]] std::uint64_t count(unsigned status) const;
  [[nodiscard]] double rate(unsigned status) const;
};

// In the generator's process. kUnavailable when a connection breaks or an answer is not HTTP.
[[nodiscard]] Result<LoadResult> generate_load(const LoadOptions& options);
[[nodiscard]] std::string to_json(const LoadResult& result);

// Starts this program as generator and waits for its result.
[[nodiscard]] Result<LoadResult> run_load(const LoadOptions& options);

}  // namespace witan::bench
