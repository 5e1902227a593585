// witan audit: downloads a whole log and checks everything in it.

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <unistd.h>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/checkpoint.h"
#include "ledger/format/note.h"
#include "node/audit/auditor.h"
#include "node/cli/cli.h"
#include "node/cli/files.h"
#include "node/cli/options.h"
#include "node/cli/printable.h"

namespace witan::cli {
namespace {

using Clock = std::chrono::steady_clock;

struct AuditArguments {
  std::string node, policy, receipt_key, state, ca_file;
  std::vector<std::string> log_keys;
  bool json = false, no_progress = false;
  unsigned threads = 0, connections = 4;
};

std::atomic<bool> interrupted = false;

// The first Ctrl-C ends the audit after what is under way, the second one at once.
void interrupt_once(int number) {
  interrupted.store(true);
  std::signal(number, SIG_DFL);
}

std::string grouped(std::uint64_t number) {
  std::string out = std::to_string(number);
  for (std::size_t at = out.size(); at > 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

class ProgressBar {
 public:
  void show(const AuditProgress& progress) {
    const auto now = Clock::now();
    const bool last = progress.done == progress.total;
    if (!last && now - shown_ < std::chrono::milliseconds(100)) return;
    shown_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const auto done_now = static_cast<double>(progress.done - progress.resumed_from);
    const double rate = seconds > 0 ? done_now / seconds : 0;
    const double left = rate > 0 ? static_cast<double>(progress.total - progress.done) / rate : 0;
    constexpr std::size_t kCells = 30;
    const auto filled =
        static_cast<std::size_t>(static_cast<double>(kCells) * static_cast<double>(progress.done) /
                                 static_cast<double>(progress.total == 0 ? 1 : progress.total));
    const std::string bar = std::string(filled, '=') + std::string(kCells - filled, ' ');
    std::fprintf(stderr, "\r\x1b[K[%s] %s of %s entries, %s/s, %.0f s left", bar.c_str(),
                 grouped(progress.done).c_str(), grouped(progress.total).c_str(),
                 grouped(static_cast<std::uint64_t>(rate)).c_str(), left);
    drawn_ = true;
  }
  ~ProgressBar() {
    if (drawn_) std::fputs("\r\x1b[K", stderr);
  }

 private:
  const Clock::time_point start_ = Clock::now();
  Clock::time_point shown_;
  bool drawn_ = false;
};

// A vkey, or a file that holds one.
Result<VerifierKey> log_key(const std::string& option) {
  auto key = VerifierKey::parse(option);
  if (key) return key;
  auto text = read_text_file(option, limits::kPemFileBytesMax);
  if (!text) {
    return fail(ErrorCode::kUsage, "--log-key '" + option + "' is neither a vkey (" +
                                       key.error().message + ") nor a file that can be read (" +
                                       text.error().message + ")");
  }
  while (!text->empty() && (text->back() == '\n' || text->back() == ' ')) text->pop_back();
  key = VerifierKey::parse(*text);
  if (!key) return fail(ErrorCode::kUsage, option + ": " + key.error().message);
  return key;
}

// In a folder each log has its own file, found by the URL: nothing else is known before the log has
// spoken.
std::string state_file(const AuditArguments& options) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (options.state.empty()) return {};
  if (options.state.back() != '/' && !fs::is_directory(options.state, error)) return options.state;
  fs::create_directories(options.state, error);
  return (fs::path(options.state) / (origin_hash(options.node).substr(0, 16) + ".audit.json"))
      .string();
}

std::string_view source_name(LogKeySource source) {
  switch (source) {
    case LogKeySource::kGiven:
      return "given";
    case LogKeySource::kEarlierRun:
      return "of an earlier audit";
    case LogKeySource::kLogItself:
      return "not pinned: taken from the log itself";
  }
  return "";
}

void print_text(const AuditReport& report, double seconds) {
  const std::uint64_t entries = report.size.value - report.resumed_from.value;
  std::printf("origin      %s\n", report.origin.c_str());
  std::printf("log key     %s (%s)\n", report.vkey.c_str(),
              std::string(source_name(report.key_source)).c_str());
  std::printf("enclave     %s\n", std::string(to_string(report.grade)).c_str());
  std::printf("entries     %s checked", grouped(entries).c_str());
  if (report.resumed_from.value > 0) {
    std::printf(", %s in earlier runs", grouped(report.resumed_from.value).c_str());
  }
  std::printf("\nsignatures  %s of statements verified\n", grouped(report.signatures).c_str());
  std::printf("policies    %s\n", grouped(report.policies).c_str());
  std::printf("key sets    %s\n", grouped(report.key_sets).c_str());
  std::printf("receipts    %s sampled and verified\n", grouped(report.receipts).c_str());
  std::printf("size        %s\n", grouped(report.size.value).c_str());
  std::printf("root        %s\n", base64_encode(report.root).c_str());
  if (!report.witnesses.empty()) {
    std::string names;
    for (const std::string& name : report.witnesses) names += (names.empty() ? "" : ", ") + name;
    std::printf("witnesses   the quorum is met by %s\n", printable(names).c_str());
  }
  std::printf("time        %.1f s, %s entries/s\n", seconds,
              grouped(static_cast<std::uint64_t>(static_cast<double>(entries) /
                                                 (seconds > 0 ? seconds : 1)))
                  .c_str());
  std::printf("audit       everything holds\n");
}

void print_json(const Result<AuditReport>& result, double seconds) {
  nlohmann::json out;
  out["ok"] = result.has_value();
  out["seconds"] = seconds;
  if (result) {
    constexpr std::string_view kSources[] = {"given", "earlier-run", "log"};
    out["origin"] = result->origin;
    out["log_key"] = result->vkey;
    out["log_key_source"] = kSources[static_cast<std::size_t>(result->key_source)];
    out["grade"] = to_string(result->grade);
    out["entries"] = result->size.value - result->resumed_from.value;
    out["resumed_from"] = result->resumed_from.value;
    out["signatures"] = result->signatures;
    out["policies"] = result->policies;
    out["key_sets"] = result->key_sets;
    out["witnesses"] = result->witnesses;
    out["receipts"] = result->receipts;
    out["statement_bytes"] = result->bytes;
    out["size"] = result->size.value;
    out["root"] = base64_encode(result->root);
  } else {
    out["error"] = to_string(result.error().code);
    out["message"] = result.error().message;
  }
  std::printf("%s\n", out.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

Result<TlogPolicy> audit_policy(const std::string& file) {
  WITAN_ASSIGN(const std::string text, read_text_file(file, limits::kTlogPolicyBytesMax));
  auto policy = TlogPolicy::parse(text);
  if (!policy) return fail(ErrorCode::kUsage, file + ": " + policy.error().message);
  if (policy->logs.empty()) return fail(ErrorCode::kUsage, file + ": the policy names no log");
  return policy;
}

Result<AuditOptions> audit_options(const AuditArguments& options) {
  AuditOptions out;
  if (!options.policy.empty()) {
    WITAN_ASSIGN(out.policy, audit_policy(options.policy));
    for (const TlogPolicy::Log& log : out.policy->logs) out.log_keys.push_back(log.key);
  }
  for (const std::string& option : options.log_keys) {
    WITAN_ASSIGN(VerifierKey key, log_key(option));
    out.log_keys.push_back(std::move(key));
  }
  if (!options.receipt_key.empty()) {
    auto key = read_public_key(options.receipt_key);
    // A file that holds no key is a wrong argument, not a log that failed a check.
    if (!key && key.error().code == ErrorCode::kMalformed) {
      return fail(ErrorCode::kUsage, "--receipt-key: " + key.error().message);
    }
    WITAN_ASSIGN(out.receipt_key, std::move(key));
  }
  out.state_file = state_file(options);
  out.threads = options.threads;
  out.connections = options.connections;
  out.stop = &interrupted;
  return out;
}

int run_audit(const AuditArguments& options) {
  auto audit = audit_options(options);
  if (!audit) return report("audit", audit.error());
  std::signal(SIGINT, interrupt_once);
  std::signal(SIGTERM, interrupt_once);
  const auto start = Clock::now();
  std::optional<ProgressBar> bar;
  if (!options.no_progress && ::isatty(STDERR_FILENO) != 0) {
    bar.emplace();
    audit->progress = [&bar](const AuditProgress& progress) { bar->show(progress); };
  }
  std::optional<std::string> ca_file;
  if (!options.ca_file.empty()) ca_file = options.ca_file;
  auto result = audit_log(http_log_readers(options.node, ca_file), *audit);
  bar.reset();
  if (!result && interrupted.load() && !options.state.empty()) {
    result.error().message += "; the same command goes on from there";
  }
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  if (options.json) print_json(result, seconds);
  if (!result) return report("audit", result.error());
  if (!options.json) print_text(*result, seconds);
  return kExitDone;
}

}  // namespace

void add_audit(Verb& top) {
  auto options = std::make_shared<AuditArguments>();
  Verb& verb = top.verb(
      "audit", "Download a log and check every statement, hash, signature and decision in it");
  verb.footer(
      "Example: witan audit --node http://127.0.0.1:8080 --log-key log.vkey --state audit.json\n"
      "Exit codes: 0 everything holds, 1 a check failed, 2 usage, 3 the log could not be reached "
      "or read");
  verb.option("--node", options->node, "URL of a node").required();
  Option log_key =
      verb.option("--log-key", options->log_keys,
                  "The log's key: a vkey or a file with one; without it the log is asked");
  verb.option("--policy", options->policy,
              "A tlog-policy: the log's key, and who must have cosigned its newest checkpoint")
      .excludes(log_key);
  verb.option("--receipt-key", options->receipt_key,
              "The log's receipt key (PEM); without it, those that entry 1 names");
  verb.option("--state", options->state,
              "File, or folder for several logs, to keep what was checked: the next audit "
              "goes on from there, and "
              "notices when the log shows another history");
  verb.option("--ca", options->ca_file,
              "CA certificates (PEM) to trust for https, besides the system's");
  verb.option("--threads", options->threads, "Threads that verify signatures; 0: one for each core")
      .range(0u, 256u)
      .show_default();
  verb.option("--connections", options->connections, "Connections to fetch on")
      .range(1u, 64u)
      .show_default();
  verb.flag("--json", options->json, "Print the result as JSON");
  verb.flag("--no-progress", options->no_progress, "No progress bar, even on a terminal");
  verb.runs([options] { return run_audit(*options); });
}

}  // namespace witan::cli
