// witan witness hold and confirm: a witness whose marks may be old cosigns nothing before it is
// known where each log stands.

#include "node/witness/confirm.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "config/limits.h"
#include "config/witness_limits.h"
#include "enclave/client.h"
#include "enclave/hold.h"
#include "ledger/crypto/sha256.h"
#include "ledger/store/folder_lock.h"
#include "node/cli/cli.h"
#include "node/cli/printable.h"
#include "node/cli/witness/verbs.h"
#include "node/enclave_walls.h"
#include "node/witness/own_heads.h"

namespace witan::cli {
namespace {

using ConfirmJson = nlohmann::ordered_json;

struct HoldArguments {
  std::string dir;
  bool json = false;
};

struct ConfirmArguments {
  std::string dir, ca_file;
  std::vector<std::string> peers, heads, accepted;
  bool accept_all = false, json = false;
};

// The parts of a witness that does not run.
struct StoppedWitness {
  WitnessFolder folder;
  FolderLock lock;
  std::unique_ptr<EnclaveProcess> signer;
};

Result<StoppedWitness> open_stopped(const std::string& dir) {
  WITAN_ASSIGN(WitnessFolder folder, open_witness_folder(dir));
  auto lock = FolderLock::take(folder.paths.dir);
  if (!lock && lock.error().code == ErrorCode::kConflict) {
    return fail(lock.error().within("stop the witness first"));
  }
  if (!lock) return fail(lock.error());
  WITAN_ASSIGN(auto signer, EnclaveProcess::start(default_enclave_binary(), folder.paths.enclave(),
                                                  enclave_options(folder.config.enclave)));
  return StoppedWitness{std::move(folder), std::move(*lock), std::move(signer)};
}

Result<void> run_hold(const HoldArguments& arguments) {
  WITAN_ASSIGN(const StoppedWitness witness, open_stopped(arguments.dir));
  WITAN_ASSIGN(const CosignerState state, witness.signer->hold());
  print_facts({{"name", state.name}, {"marks", std::to_string(state.marks)}, {"logs", "held"}},
              arguments.json);
  if (!arguments.json) {
    std::printf("No log is cosigned before it was confirmed: witan witness confirm --dir %s\n",
                arguments.dir.c_str());
  }
  return {};
}

Result<std::vector<std::string>> read_heads(const ConfirmArguments& arguments,
                                            const std::optional<std::string>& ca_file) {
  std::vector<std::string> out;
  for (const std::string& head : arguments.heads) {
    const bool is_url = head.starts_with("https://") || head.starts_with("http://");
    auto note = is_url ? fetch_note(head, ca_file, limits::kHeadDeadline)
                       : read_text_file(head, limits::kNoteBytesMax);
    if (!note) return fail(is_url ? note.error().within(head) : note.error());
    out.push_back(std::move(*note));
  }
  return out;
}

// On the operator's word. Origins must be known: a typing error would release nothing.
Result<void> accept_marks(const ConfirmArguments& arguments, const StoppedWitness& witness) {
  if (arguments.accept_all) {
    WITAN_TRY(witness.signer->release({}));
    return {};
  }
  for (const std::string& origin : arguments.accepted) {
    WITAN_ASSIGN(const auto log, witness.folder.store->find_log(origin));
    if (!log) {
      return fail(ErrorCode::kNotFound,
                  "--accept: this witness does not know a log of the origin " + printable(origin));
    }
  }
  for (std::size_t at = 0; at < arguments.accepted.size(); at += limits::kCosignBatchMax) {
    const std::size_t count = std::min(limits::kCosignBatchMax, arguments.accepted.size() - at);
    WITAN_TRY(witness.signer->release(std::span(arguments.accepted).subspan(at, count)));
  }
  return {};
}

struct ConfirmedRow {
  ConfirmedLog log;
  bool held = false;
};

std::vector<ConfirmedRow> rows_of(std::vector<ConfirmedLog> logs, const std::optional<Hold>& hold) {
  std::vector<ConfirmedRow> out;
  for (ConfirmedLog& log : logs) {
    const bool held = hold && hold->holds(sha256(as_bytes(log.origin)));
    out.push_back({std::move(log), held});
  }
  return out;
}

void print_rows(const std::vector<ConfirmedRow>& rows, const ConfirmArguments& arguments,
                std::size_t held, bool lifted) {
  if (arguments.json) {
    ConfirmJson all = ConfirmJson::array();
    for (const ConfirmedRow& row : rows) {
      ConfirmJson entry;
      entry["origin"] = row.log.origin;
      entry["held"] = row.held;
      entry["mark"] = row.log.mark ? ConfirmJson(*row.log.mark) : ConfirmJson(nullptr);
      entry["head"] = row.log.head ? ConfirmJson(*row.log.head) : ConfirmJson(nullptr);
      if (!row.log.reason.empty()) entry["reason"] = row.log.reason;
      all.push_back(std::move(entry));
    }
    std::printf("%s\n", all.dump(2, ' ', false, ConfirmJson::error_handler_t::replace).c_str());
    return;
  }
  for (const ConfirmedRow& row : rows) {
    const std::string mark = row.log.mark ? std::to_string(*row.log.mark) : "none";
    const std::string text =
        row.log.head ? "goes on from size " + std::to_string(*row.log.head) + " (was " + mark + ")"
        : row.held   ? "held at size " + mark + ": " + row.log.reason
                     : "goes on from size " + mark + ", as was accepted";
    std::printf("%s: %s\n", printable(row.log.origin).c_str(), printable(text).c_str());
  }
  if (lifted) {
    std::printf("No log is held any more.\n");
    return;
  }
  if (held == 0) {
    std::printf(
        "No known log is held any more. Those that are added later are held too, since they may "
        "have been\ncosigned after the backup; `confirm --accept-all` ends this.\n");
    return;
  }
  std::printf(
      "%zu of %zu logs stay held and are answered 503. Show a newer head of each (--peer, "
      "--head);\n"
      "or, if you know that nothing was cosigned for a log after the backup, or the log is yours "
      "and cannot\nhave forked: --accept ORIGIN. If you are wrong, this witness signs two "
      "histories "
      "under one key, and\nwhoever sees both has proof against it. The way without risk is a new "
      "name and key.\n",
      held, rows.size());
}

Result<int> run_confirm(const ConfirmArguments& arguments) {
  WITAN_ASSIGN(const StoppedWitness witness, open_stopped(arguments.dir));
  ConfirmSources sources;
  sources.peers = arguments.peers;
  if (!arguments.ca_file.empty()) sources.ca_file = arguments.ca_file;
  WITAN_ASSIGN(sources.notes, read_heads(arguments, sources.ca_file));
  WITAN_ASSIGN(auto logs,
               confirm_logs(*witness.folder.store, *witness.signer, *witness.signer, sources));
  WITAN_TRY(accept_marks(arguments, witness));
  WITAN_ASSIGN(const auto hold, read_witness_hold(witness.folder.paths));
  const std::vector<ConfirmedRow> rows = rows_of(std::move(logs), hold);
  const auto held = static_cast<std::size_t>(
      std::count_if(rows.begin(), rows.end(), [](const ConfirmedRow& row) { return row.held; }));
  print_rows(rows, arguments, held, !hold || hold->lifted());
  return held == 0 ? kExitDone : kExitCheckFailed;
}

}  // namespace

Result<std::optional<Hold>> read_witness_hold(const WitnessPaths& paths) {
  constexpr std::size_t kBytesMax = 18u << 20;
  const auto text = read_text_file((paths.enclave() / "held").string(), kBytesMax);
  if (!text && text.error().code == ErrorCode::kNotFound) return std::optional<Hold>{};
  if (!text) return fail(text.error());
  WITAN_ASSIGN(Hold hold, Hold::parse(*text));
  return std::optional<Hold>(std::move(hold));
}

void add_witness_confirm(Verb& witness) {
  auto hold = std::make_shared<HoldArguments>();
  Verb& hold_verb =
      witness.verb("hold", "Cosign no log before it was confirmed: the folder may be an old copy");
  hold_verb.footer("Example: witan witness hold --dir ./witness");
  hold_verb.option("--dir", hold->dir, "The witness's folder").required();
  hold_verb.flag("--json", hold->json, "Print JSON");
  hold_verb.runs([hold] {
    const auto result = run_hold(*hold);
    return result ? kExitDone : report("witness hold", result.error());
  });

  auto confirm = std::make_shared<ConfirmArguments>();
  Verb& verb = witness.verb(
      "confirm", "Take a held witness up to the newest heads that it has cosigned itself");
  verb.footer(
      "Example: witan witness confirm --dir ./witness --peer https://mirror.example.com/mirror "
      "--head https://log.example.com/checkpoint");
  verb.option("--dir", confirm->dir, "The witness's folder").required();
  verb.option("--peer", confirm->peers,
              "URL under which others keep cosigned checkpoints, at <origin hash>/checkpoint");
  verb.option("--head", confirm->heads, "File or URL of a checkpoint that this witness cosigned");
  verb.option("--accept", confirm->accepted,
              "An origin that goes on from where this folder remembers it, on your word");
  verb.flag("--accept-all", confirm->accept_all, "All logs, known or not, on your word");
  verb.option("--ca", confirm->ca_file,
              "CA certificates (PEM) to trust for https, besides the system's");
  verb.flag("--json", confirm->json, "Print JSON");
  verb.runs([confirm] {
    const auto result = run_confirm(*confirm);
    return result ? *result : report("witness confirm", result.error());
  });
}

}  // namespace witan::cli
