// witan witness add-log, disable-log, enable-log: which logs a witness cosigns. They work while it
// runs, which goes by them from its next request on.

#include <algorithm>
#include <cstdint>
#include <cstdio>
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
#include "node/http/url.h"

namespace witan::cli {
namespace {

struct AddLogArguments {
  std::string dir, vkey, origin, contact, url, layout = "tiles";
  unsigned qpd = 0, every_s = 0;
  bool no_url = false;
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
  auto key = VerifierKey::parse(text);
  if (!key) return fail(ErrorCode::kUsage, key.error().message);
  if (signs_as_log(*key)) return key;
  const bool cosigner = key->algorithm == NoteAlgorithm::kCosignatureEd25519;
  return fail(ErrorCode::kUsage, "the key is of type " +
                                     std::to_string(static_cast<unsigned>(key->algorithm)) +
                                     (cosigner ? ", a cosigner's" : "") +
                                     "; expected a log's: 1 (Ed25519), 2 (ECDSA) or "
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

// Where the log is to be read; nothing when that is not said.
Result<std::optional<LogFeed>> wanted_feed(const AddLogArguments& options) {
  if (options.url.empty()) {
    if (options.every_s == 0 && options.layout == "tiles") return std::optional<LogFeed>{};
    return fail(ErrorCode::kUsage, "--every and --layout say how --url is read, and need it");
  }
  if (options.no_url) return fail(ErrorCode::kUsage, "--url and --no-url exclude each other");
  const auto url = http::parse_url(options.url);
  if (!url) return fail(ErrorCode::kUsage, "--url: " + url.error().message);
  const FeedLayout layout = options.layout == "sumdb" ? FeedLayout::kSumdb : FeedLayout::kTiles;
  return std::optional<LogFeed>(LogFeed{url->to_string(), layout, options.every_s});
}

std::string shown_feed(const std::optional<LogFeed>& feed) {
  if (!feed) return "by whoever pushes its checkpoints";
  return "from " + feed->url +
         (feed->every_s == 0 ? "" : " every " + std::to_string(feed->every_s) + " s");
}

Result<void> run_add_log(const AddLogArguments& options) {
  WITAN_ASSIGN(const VerifierKey key, parsed_log_key(options.vkey));
  WITAN_ASSIGN(const std::optional<LogFeed> feed, wanted_feed(options));
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  const std::string origin = options.origin.empty() ? key.name : options.origin;
  WITAN_TRY(check_texts(options, origin, folder.config.name));
  std::string did = "added";
  bool disabled = false;
  std::string unusable;
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
    unusable = why_unusable(log.keys);
    return Result<KnownLog>(std::move(log));
  }));
  if (feed || options.no_url) WITAN_TRY(folder.store->put_feed(origin, feed));
  WITAN_ASSIGN(const auto stored, folder.store->find_feed(origin));
  if (!unusable.empty()) {
    std::fprintf(stderr, "witan witness add-log: warning: %s is never cosigned: %s\n",
                 printable(origin).c_str(), unusable.c_str());
  }
  print_facts({{"origin", options.json ? origin : printable(origin)},
               {"log", did},
               {"state", disabled           ? "disabled (see enable-log)"
                         : unusable.empty() ? "cosigned"
                                            : "no usable key"},
               {"fed", shown_feed(stored)}},
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
  verb.option("--url", options->url,
              "Read the log's checkpoint and tiles below this URL: for logs that do not push");
  verb.option("--every", options->every_s, "Read it every so many seconds; default: [feeding]")
      .range(1U, 604'800U);
  verb.option("--layout", options->layout, "tiles, or sumdb: Go's checksum database")
      .one_of({"tiles", "sumdb"})
      .show_default();
  verb.flag("--no-url", options->no_url, "Read the log no more");
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
