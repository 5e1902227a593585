// A log of a million entries: the node's memory, its start, and what the disk holds beyond the
// statements.

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <sys/stat.h>

#include "node/http/client.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/load.h"
#include "simulations/bench/node.h"
#include "simulations/bench/stopwatch.h"

namespace witan::bench {
namespace {

constexpr std::uint64_t kMillion = 1'000'000;
constexpr std::size_t kIds = 200'000;
constexpr unsigned kMillionConnections = 64;
constexpr double kMiB = 1024.0 * 1024.0;

Result<double> allocated_bytes(const std::filesystem::path& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) return fail(ErrorCode::kIo, file.string() + ": cannot stat");
  return static_cast<double>(info.st_blocks) * 512;
}

// From starting the program to the first receipt.
Result<double> start_seconds(const NodeFolder& folder, const std::string& id) {
  const Stopwatch since;
  WITAN_ASSIGN(const RunningNode node, RunningNode::start(folder));
  WITAN_ASSIGN(const auto client, http::Client::make(node.url()));
  WITAN_ASSIGN(const auto response, client->get("/entries/" + id));
  const double seconds = since.seconds();
  if (response.status != 200) {
    return fail(ErrorCode::kConflict,
                "/entries/" + id + ": status " + std::to_string(response.status));
  }
  return seconds;
}

}  // namespace

Result<void> bench_million(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  WITAN_ASSIGN(const NodeFolder node_folder,
               NodeFolder::make(folder.path() / "node", key.public_key()));
  WITAN_ASSIGN(Filled filled, fill(node_folder, kMillion, kIds));
  report.note("million: filled in " + std::to_string(filled.seconds).substr(0, 5) +
              " s, batches of 256, a head published for each");
  WITAN_ASSIGN(const double disk, allocated_bytes(node_folder.paths.data() / "data.mdb"));
  report.add({"million",
              "disk beyond the statements",
              (disk - static_cast<double>(filled.statement_bytes)) / kMillion,
              "B/entry",
              Goal::kAtMost,
              300,
              {},
              {}});

  std::mt19937_64 engine(3);
  std::shuffle(filled.some_ids.begin(), filled.some_ids.end(), engine);
  std::vector<double> starts;
  for (int i = 0; i < 5; ++i) {
    WITAN_ASSIGN(const double seconds, start_seconds(node_folder, filled.some_ids.front()));
    starts.push_back(seconds);
  }
  report.add({"million",
              "restart to first receipt, slowest of 5",
              *std::max_element(starts.begin(), starts.end()),
              "s",
              Goal::kAtMost,
              1,
              {},
              {}});

  LoadOptions load;
  load.requests_file = (folder.path() / "requests").string();
  load.connections = kMillionConnections;
  load.repeat = true;
  load.duration = std::chrono::milliseconds(static_cast<long>(scale.seconds * 1e3));
  WITAN_ASSIGN(auto file, RequestFile::create(load.requests_file));
  for (const std::string& id : filled.some_ids) {
    file.add("GET /entries/" + id + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    // Every so often the statement with its receipt, too.
    if (id.front() == '0') {
      file.add("GET /entries/" + id + "/statement HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    }
  }
  WITAN_TRY(file.finish());
  WITAN_ASSIGN(const RunningNode node, RunningNode::start(node_folder));
  load.port = node.port();
  WITAN_ASSIGN(const LoadResult run, run_load(load));
  report.add({"million",
              "node's memory that is not of files, after that",
              static_cast<double>(use_of(node.pid()).anonymous_bytes) / kMiB,
              "MiB",
              Goal::kAtMost,
              100,
              {},
              {}});
  report.add(
      {"million", "receipts from it, random order", run.rate(200), "/s", Goal::kNone, 0, {}, {}});
  return {};
}

}  // namespace witan::bench
