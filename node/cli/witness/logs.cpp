// witan witness add-log, disable-log, enable-log: which logs a witness cosigns. They work while it
// runs, which goes by them from its next request on.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "config/limits.h"
#include "ledger/encoding.h"
#include "ledger/format/note.h"
#include "node/cli/cli.h"
#include "node/cli/printable.h"
#include "node/cli/witness/verbs.h"

namespace witan::cli {
namespace {

struct AddLogArguments {
  std::string dir, vkey, origin, contact;
  unsigned qpd = 0;
  bool json = false;
};

struct SwitchLogArguments {
  std::string dir, origin;
  bool json = false;
};

bool is_one_line(std::string_view text) {
  return is_utf8(as_bytes(text)) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
         });
}

Result<VerifierKey> parsed_log_key(const std::string& text) {
  WITAN_ASSIGN(VerifierKey key, VerifierKey::parse(text));
  const bool signs = key.algorithm == NoteAlgorithm::kEd25519 ||
                     key.algorithm == NoteAlgorithm::kEcdsa ||
                     key.algorithm == NoteAlgorithm::kMlDsa44;
  if (signs) return key;
  return fail(ErrorCode::kUsage, "the key is of type " +
                                     std::to_string(static_cast<unsigned>(key.algorithm)) +
                                     ", a cosigner's; expected a log's: 1 (Ed25519), 2 (ECDSA) or "
                                     "6 (ML-DSA-44)");
}

Result<void> check_texts(const AddLogArguments& options, const std::string& origin,
                         const std::string& own_name) {
  if (origin.empty() || !is_one_line(origin)) {
    return fail(ErrorCode::kUsage, "--origin: expected one line of text");
  }
  if (!is_one_line(options.contact) || options.contact.size() > limits::kLogContactCharsMax) {
    return fail(ErrorCode::kUsage, "--contact: expected one line of at most " +
                                       std::to_string(limits::kLogContactCharsMax) + " bytes");
  }
  if (origin == own_name) {
    return fail(ErrorCode::kRefused,
                "the origin is this witness's own name, and nobody is a "
                "witness of itself");
  }
  return {};
}

Result<void> run_add_log(const AddLogArguments& options) {
  WITAN_ASSIGN(const VerifierKey key, parsed_log_key(options.vkey));
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  const std::string origin = options.origin.empty() ? key.name : options.origin;
  WITAN_TRY(check_texts(options, origin, folder.config.name));
  std::string did = "added";
  bool disabled = false;
  WITAN_TRY(folder.store->change_log(origin, [&](const std::optional<KnownLog>& known) {
    KnownLog log = known.value_or(KnownLog{});
    if (known) {
      const bool has_key = std::find(log.keys.begin(), log.keys.end(), key) != log.keys.end();
      did = has_key ? "known" : "key added";
    }
    if (did != "known") log.keys.push_back(key);
    if (options.qpd != 0) log.qpd = options.qpd;
    if (!options.contact.empty()) log.contact = options.contact;
    disabled = log.disabled;
    return Result<KnownLog>(std::move(log));
  }));
  print_facts({{"origin", options.json ? origin : printable(origin)},
               {"log", did},
               {"state", disabled ? "disabled (see enable-log)" : "cosigned"}},
              options.json);
  return {};
}

Result<void> switch_log(const SwitchLogArguments& options, bool disable) {
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  bool was = false;
  WITAN_TRY(folder.store->change_log(
      options.origin, [&](std::optional<KnownLog> known) -> Result<KnownLog> {
        if (!known) {
          return fail(ErrorCode::kNotFound, "this witness does not know a log of the origin " +
                                                printable(options.origin) +
                                                " (`witan witness list` shows those it knows)");
        }
        was = known->disabled;
        known->disabled = disable;
        return std::move(*known);
      }));
  const std::string state = disable ? "disabled" : "cosigned";
  print_facts({{"origin", options.json ? options.origin : printable(options.origin)},
               {"state", was == disable ? state + ", as before" : state}},
              options.json);
  return {};
}

void add_switch(Verb& witness, const std::string& name, const std::string& help, bool disable) {
  auto options = std::make_shared<SwitchLogArguments>();
  Verb& verb = witness.verb(name, help);
  verb.footer("Example: witan witness " + name + " --dir ./witness example.com/log");
  verb.option("--dir", options->dir, "The witness's folder").required();
  verb.option("origin", options->origin, "The log's origin").required();
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options, name, disable] {
    const auto result = switch_log(*options, disable);
    return result ? kExitDone : report("witness " + name, result.error());
  });
}

}  // namespace

void add_witness_logs(Verb& witness) {
  auto options = std::make_shared<AddLogArguments>();
  Verb& verb = witness.verb("add-log", "Cosign a log, or take another key for one");
  verb.footer(
      "Example: witan witness add-log --dir ./witness "
      "log.example/demo+ac95eff7+AfRc6Bxgxfv5/oCUvlthYjWrkAsP/u6Ky66Pwz6YX5tO");
  verb.option("--dir", options->dir, "The witness's folder").required();
  verb.option("vkey", options->vkey, "The log's verifier key: NAME+ID+KEY").required();
  verb.option("--origin", options->origin, "The log's origin; default: the key's name");
  verb.option("--qpd", options->qpd, "How many checkpoints a day are cosigned; default: any number")
      .range(1U, 2'147'483'647U);
  verb.option("--contact", options->contact, "Who runs the log");
  verb.flag("--json", options->json, "Print JSON");
  verb.runs([options] {
    const auto result = run_add_log(*options);
    return result ? kExitDone : report("witness add-log", result.error());
  });
  add_switch(witness, "disable-log", "Cosign a log no more; what was cosigned is never forgotten",
             true);
  add_switch(witness, "enable-log", "Cosign a disabled log again, from where it was", false);
}

}  // namespace witan::cli
