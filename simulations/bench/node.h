#pragma once
// A real node in a temporary folder: made by `witan init`, filled directly, run by `witan node`.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

#include "config/node_config.h"
#include "config/result.h"
#include "ledger/crypto/private_key.h"
#include "ledger/crypto/public_key.h"
#include "node/cli/child.h"

namespace witan::bench {

// Removed with all that is in it at the end. In TMPDIR, else /tmp.
class TemporaryFolder {
 public:
  TemporaryFolder();
  ~TemporaryFolder();
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline constexpr const char* kIssuer = "https://bench.example/issuer";

// The folder of a node that takes statements of one issuer without a rate limit.
struct NodeFolder {
  NodePaths paths;
  NodeConfig config;
  PublicKey receipt_key;

  static Result<NodeFolder> make(const std::filesystem::path& dir, const PublicKey& issuer_key);
};

// What /proc says of a process.
struct ProcessUse {
  double cpu_seconds = 0;
  std::uint64_t anonymous_bytes = 0;  // resident and not of a file: heap and stacks
  std::uint64_t resident_bytes = 0;   // all, with what is mapped of programs and libraries
};
[[nodiscard]] ProcessUse use_of(pid_t pid);
// Processor time of a process and its children.
[[nodiscard]] double cpu_seconds_with_children(pid_t pid);
// The same of ProcessUse::anonymous_bytes.
[[nodiscard]] std::uint64_t anonymous_bytes_with_children(pid_t pid);
// ProcessUse::resident_bytes of its children alone.
[[nodiscard]] std::uint64_t resident_bytes_of_children(pid_t pid);

// A program of ours that serves HTTP on 127.0.0.1.
struct Serving {
  Child child;
  std::uint16_t port = 0;
  double start_seconds = 0;  // from starting the program until the address was known
};
// Starts one that writes its address to `dir`/address. Returns when it serves; kUnavailable with
// its log when it ends or takes longer than 60 s.
[[nodiscard]] Result<Serving> start_serving(const std::vector<std::string>& command,
                                            const std::filesystem::path& dir);
// The path of a program that was built beside this one.
[[nodiscard]] std::string program(const std::string& name);

class RunningNode {
 public:
  // As start_serving.
  static Result<RunningNode> start(const NodeFolder& folder,
                                   const std::vector<std::string>& arguments = {});
  // The same of another program that serves as `witan node` does; see run_sim_node.
  static Result<RunningNode> start_command(const NodeFolder& folder,
                                           const std::vector<std::string>& command);
  RunningNode(RunningNode&&) = default;
  RunningNode& operator=(RunningNode&&) = default;
  ~RunningNode();

  [[nodiscard]] pid_t pid() const { return serving_.child.pid(); }
  [[nodiscard]] std::uint16_t port() const { return serving_.port; }
  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }
  [[nodiscard]] double start_seconds() const { return serving_.start_seconds; }
  // The published size. kUnavailable.
  [[nodiscard]] Result<std::uint64_t> tree_size() const;
  // Number and mean duration of what a histogram of /metrics counts. kUnavailable, kNotFound.
  struct Mean {
    double count = 0;
    double ms = 0;
  };
  [[nodiscard]] Result<Mean> mean_of(const std::string& histogram) const;

 private:
  explicit RunningNode(Serving serving) : serving_(std::move(serving)) {}
  Serving serving_;
};

struct Filled {
  std::uint64_t entries = 0;          // in the whole log
  std::uint64_t statement_bytes = 0;  // of all of them
  double seconds = 0;
  std::vector<std::string> some_ids;  // hex
};
// Appends statements with a payload of 1 KiB whose signatures are not checked (nor valid), in
// batches of 256 with a head signed by the folder's enclave and published for each, until the log
// has `entries`. Keeps about `ids_wanted` ids.
[[nodiscard]] Result<Filled> fill(const NodeFolder& folder, std::uint64_t entries,
                                  std::size_t ids_wanted);

// Distinct statements with a payload of 1 KiB, signed on all cores.
[[nodiscard]] std::vector<Bytes> sign_statements(const PrivateKey& key, std::size_t count);

}  // namespace witan::bench
