// Receipts and tiles a second, over a log of more than 100,000 entries; tiles beside nginx with the
// same bytes in files.

#include <algorithm>
#include <csignal>
#include <fstream>
#include <random>
#include <string>
#include <unistd.h>

#include "config/file.h"
#include "ledger/encoding.h"
#include "ledger/format/receipt.h"
#include "ledger/ports/store.h"
#include "ledger/store/lmdb_store.h"
#include "node/cli/child.h"
#include "simulations/bench/benches.h"
#include "simulations/bench/load.h"
#include "simulations/bench/node.h"
#include "simulations/bench/stopwatch.h"

namespace witan::bench {
namespace {

namespace fs = std::filesystem;

constexpr unsigned kReadConnections = 64;
constexpr std::uint64_t kReadEntries = 131'072;
constexpr std::size_t kRequests = 50'000;
constexpr int kReadRounds = 3;

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
}

Result<void> write_requests(const std::string& path, const std::vector<std::string>& targets) {
  WITAN_ASSIGN(auto file, RequestFile::create(path));
  std::mt19937_64 engine(1);
  for (std::size_t i = 0; i < kRequests; ++i) file.add(get(targets[engine() % targets.size()]));
  return file.finish();
}

// Everything that answered, or an error when something else than 200 came.
Result<double> total_rate(const std::vector<LoadResult>& runs) {
  double count = 0, seconds = 0;
  for (const LoadResult& run : runs) {
    for (const auto& [status, n] : run.statuses) {
      if (status != 200) {
        return fail(ErrorCode::kConflict,
                    std::to_string(n) + " answers had status " + std::to_string(status));
      }
      count += static_cast<double>(n);
    }
    seconds += run.seconds;
  }
  return count / seconds;
}

double generator_us(const std::vector<LoadResult>& runs) {
  double count = 0, seconds = 0;
  for (const LoadResult& run : runs) {
    count += static_cast<double>(run.count(200));
    seconds += run.cpu_seconds;
  }
  return seconds / count * 1e6;
}

// nginx with files in a folder, ended with the object.
class Nginx {
 public:
  static Result<Nginx> start(const fs::path& folder, unsigned workers, std::uint16_t port) {
    fs::create_directories(folder / "logs");
    std::string config = geteuid() == 0 ? "user root;\n" : "";
    config += "daemon off;\nworker_processes " + std::to_string(workers) + ";\npid " +
              (folder / "nginx.pid").string() + ";\nerror_log " + (folder / "error.log").string() +
              ";\nevents { worker_connections 1024; }\nhttp {\n  access_log off;\n"
              "  sendfile on;\n  tcp_nopush on;\n  tcp_nodelay on;\n"
              "  keepalive_timeout 60s;\n  keepalive_requests 1000000000;\n"
              "  open_file_cache max=4096 inactive=600s;\n  open_file_cache_valid 600s;\n"
              "  default_type application/octet-stream;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"}) {
      config += std::string("  ") + kind + "_temp_path " + (folder / kind).string() + ";\n";
    }
    config += "  server {\n    listen 127.0.0.1:" + std::to_string(port) + ";\n    root " +
              (folder / "files").string() +
              ";\n    add_header Cache-Control \"public, max-age=31536000, immutable\";\n  }\n}\n";
    const std::string file = (folder / "nginx.conf").string();
    WITAN_TRY(write_file_atomic(file, config, 0644));
    WITAN_ASSIGN(Child child, Child::start({"nginx", "-p", folder.string(), "-c", file, "-e",
                                            (folder / "error.log").string()},
                                           (folder / "output").string(),
                                           {{"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}}));
    const Stopwatch since;
    while (!fs::exists(folder / "nginx.pid") && child.running() && since.seconds() < 10) {
      usleep(1'000);
    }
    if (!child.running()) {
      return fail(ErrorCode::kUnavailable,
                  "nginx: " + read_text_file((folder / "error.log").string(), 65'536).value_or(""));
    }
    usleep(100'000);  // for its workers, which start after the pid file is there
    return Nginx(std::move(child));
  }
  Nginx(Nginx&&) = default;
  Nginx& operator=(Nginx&&) = delete;
  ~Nginx() {
    if (!child_.running()) return;
    child_.send(SIGTERM);
    child_.wait();
  }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }

 private:
  explicit Nginx(Child child) : child_(std::move(child)) {}
  Child child_;
};

// The full tiles of the log as files; gives their targets.
Result<std::vector<std::string>> write_tiles(const NodeFolder& folder, const fs::path& root) {
  WITAN_ASSIGN(const auto store, open_lmdb_store(folder.paths.data()));
  WITAN_ASSIGN(const auto view, store->read());
  std::vector<std::string> targets;
  for (std::uint64_t index = 0; index < kReadEntries / kTileWidth; ++index) {
    const TileId tile{0, index};
    WITAN_ASSIGN(const BytesView hashes, view->tile(tile, kTileWidth));
    const std::string path = tile_path({TileKind::kHashes, tile, kTileWidth});
    const fs::path file = root / path;
    fs::create_directories(file.parent_path());
    std::ofstream stream(file, std::ios::binary);
    stream << as_text(hashes);
    if (!stream.flush()) return fail(ErrorCode::kIo, file.string() + ": cannot write");
    targets.push_back("/" + path);
  }
  return targets;
}

// A port that was free a moment ago.
Result<std::uint16_t> free_port(const NodeFolder& folder) {
  WITAN_ASSIGN(const RunningNode node, RunningNode::start(folder));
  return node.port();
}

Result<Filled> filled_folder(Report& report, const NodeFolder& folder, std::size_t ids) {
  WITAN_ASSIGN(Filled filled, fill(folder, kReadEntries, ids));
  report.note("filled a log with " + std::to_string(filled.entries) + " entries in " +
              std::to_string(filled.seconds).substr(0, 4) + " s");
  return filled;
}

}  // namespace

Result<void> bench_receipts(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  WITAN_ASSIGN(const NodeFolder node_folder,
               NodeFolder::make(folder.path() / "node", key.public_key()));
  WITAN_ASSIGN(const Filled filled, filled_folder(report, node_folder, kReadEntries));
  // Each entry once, in random order.
  std::vector<std::string> ids = filled.some_ids;
  std::mt19937_64 engine(2);
  std::shuffle(ids.begin(), ids.end(), engine);
  LoadOptions load;
  load.requests_file = (folder.path() / "requests").string();
  WITAN_ASSIGN(auto file, RequestFile::create(load.requests_file));
  for (const std::string& id : ids) file.add(get("/entries/" + id));
  WITAN_TRY(file.finish());

  WITAN_ASSIGN(const RunningNode node, RunningNode::start(node_folder));
  load.port = node.port();
  load.connections = kReadConnections;
  load.repeat = true;
  load.samples = 200;
  load.duration = std::chrono::milliseconds(static_cast<long>(scale.seconds * 1e3));
  const double cpu_before = use_of(node.pid()).cpu_seconds;
  WITAN_ASSIGN(const LoadResult run, run_load(load));
  const double cpu = use_of(node.pid()).cpu_seconds - cpu_before;
  WITAN_ASSIGN(const double rate, total_rate({run}));
  for (const Sample& sample : run.samples) {
    WITAN_ASSIGN(const Receipt receipt, Receipt::parse(sample.body));
    WITAN_ASSIGN(const Hash32 entry, hash_from_hex(ids[sample.request]));
    WITAN_TRY(verify_inclusion_receipt(receipt, entry, node_folder.receipt_key));
  }
  report.add({"receipts", "GET /entries/{id}", rate, "/s", Goal::kAtLeast, 25'000, {}, {}});
  report.add({"receipts", "latency, 99th percentile", run.p99_ms, "ms", Goal::kNone, 0, {}, {}});
  report.add({"receipts",
              "processor time of the node",
              cpu / static_cast<double>(run.count(200)) * 1e6,
              "us each",
              Goal::kNone,
              0,
              Beside{"load generator", generator_us({run})},
              {}});
  report.note("receipts: " + std::to_string(kReadConnections) + " connections, " +
              std::to_string(filled.entries) + " entries in random order, " +
              std::to_string(run.samples.size()) + " sampled receipts verified offline");
  return {};
}

Result<void> bench_tiles(Report& report, const Scale& scale) {
  const TemporaryFolder folder;
  WITAN_ASSIGN(const PrivateKey key, PrivateKey::generate(KeyKind::kEd25519));
  WITAN_ASSIGN(const NodeFolder node_folder,
               NodeFolder::make(folder.path() / "node", key.public_key()));
  WITAN_TRY(filled_folder(report, node_folder, 0));
  const fs::path nginx_folder = folder.path() / "nginx";
  WITAN_ASSIGN(const auto targets, write_tiles(node_folder, nginx_folder / "files"));
  LoadOptions load;
  load.requests_file = (folder.path() / "requests").string();
  WITAN_TRY(write_requests(load.requests_file, targets));
  load.connections = kReadConnections;
  load.repeat = true;
  load.duration = std::chrono::milliseconds(static_cast<long>(scale.seconds * 1e3 / kReadRounds));

  WITAN_ASSIGN(const std::uint16_t nginx_port, free_port(node_folder));
  WITAN_ASSIGN(const Nginx nginx,
               Nginx::start(nginx_folder, node_folder.config.io_threads, nginx_port));
  WITAN_ASSIGN(const RunningNode node, RunningNode::start(node_folder));
  const double nginx_before = cpu_seconds_with_children(nginx.pid());
  const double node_before = use_of(node.pid()).cpu_seconds;
  std::vector<LoadResult> of_node, of_nginx;
  // In turns, so that what else the machine does meets both.
  for (int round = 0; round < kReadRounds; ++round) {
    load.port = nginx_port;
    WITAN_ASSIGN(auto nginx_run, run_load(load));
    of_nginx.push_back(std::move(nginx_run));
    load.port = node.port();
    WITAN_ASSIGN(auto node_run, run_load(load));
    of_node.push_back(std::move(node_run));
  }
  double nginx_cpu = cpu_seconds_with_children(nginx.pid()) - nginx_before;
  double node_cpu = use_of(node.pid()).cpu_seconds - node_before;
  for (const LoadResult& run : of_node) {
    if (run.body_bytes != run.count(200) * kTileWidth * 32) {
      return fail(ErrorCode::kConflict, "tiles were not 8,192 bytes long");
    }
  }
  WITAN_ASSIGN(const double node_rate, total_rate(of_node));
  WITAN_ASSIGN(const double nginx_rate, total_rate(of_nginx));
  double node_count = 0, nginx_count = 0;
  for (const LoadResult& run : of_node) node_count += static_cast<double>(run.count(200));
  for (const LoadResult& run : of_nginx) nginx_count += static_cast<double>(run.count(200));
  nginx_cpu *= 1e6 / nginx_count;
  node_cpu *= 1e6 / node_count;
  report.add({"tiles", "GET /tile/0/... (8,192 bytes)", node_rate, "/s", Goal::kNone, 0,
              Beside{"nginx, same bytes in files", nginx_rate}, 1.0});
  report.add({"tiles",
              "processor time of the node",
              node_cpu,
              "us each",
              Goal::kNone,
              0,
              Beside{"nginx", nginx_cpu},
              {}});
  report.add({"tiles",
              "processor time of the load generator",
              generator_us(of_node),
              "us each",
              Goal::kNone,
              0,
              Beside{"with nginx", generator_us(of_nginx)},
              {}});
  report.note("tiles: " + std::to_string(kReadConnections) + " connections, " +
              std::to_string(node_folder.config.io_threads) + " threads or workers, " +
              std::to_string(targets.size()) + " tiles in random order, " +
              std::to_string(kReadRounds) + " rounds in turns");
  return {};
}

}  // namespace witan::bench
