// witan witness list and status: what a witness knows, and how it is.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/file.h"
#include "ledger/crypto/secret.h"
#include "ledger/crypto/sha256.h"
#include "ledger/encoding.h"
#include "ledger/store/folder_lock.h"
#include "node/cli/cli.h"
#include "node/cli/printable.h"
#include "node/cli/witness/verbs.h"
#include "node/http/client.h"
#include "node/witness/background_page.h"
#include "node/witness/bastion_key.h"

namespace witan::cli {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

constexpr std::size_t kBastionsFileBytesMax = 64u << 10;

struct ShowArguments {
  std::string dir, ca_file;
  bool json = false;
};

struct ListedRow {
  KnownLog log;
  bool held = false;
  std::optional<StoredCheckpoint> checkpoint;
  std::optional<LogFeed> feed = {};
};

std::string state_of(const ListedRow& row) {
  if (row.log.disabled) return "disabled";
  if (!why_unusable(row.log.keys).empty()) return "no key";
  return row.held ? "held" : "cosigned";
}

void print_shown(const Json& json) {
  std::printf("%s\n", json.dump(2, ' ', false, Json::error_handler_t::replace).c_str());
}

std::string cosigned_utc(std::uint64_t time_s) {
  const auto time = static_cast<std::time_t>(time_s);
  std::tm parts{};
  char text[32] = "";
  if (::gmtime_r(&time, &parts) != nullptr) {
    std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  }
  return text;
}

Json json_of(const ListedRow& row) {
  Json out;
  out["origin"] = row.log.origin;
  out["disabled"] = row.log.disabled;
  out["held"] = row.held;
  out["keys"] = Json::array();
  for (const VerifierKey& key : row.log.keys) out["keys"].push_back(key.text());
  if (const std::string why = why_unusable(row.log.keys); !why.empty()) out["unusable"] = why;
  if (row.feed) {
    out["feed"] = {{"url", row.feed->url},
                   {"layout", row.feed->layout == FeedLayout::kSumdb ? "sumdb" : "tiles"},
                   {"every_s", row.feed->every_s}};
  }
  if (row.log.qpd) out["qpd"] = *row.log.qpd;
  if (!row.log.contact.empty()) out["contact"] = row.log.contact;
  out["size"] = row.checkpoint ? Json(row.checkpoint->mark.size.value) : Json(nullptr);
  if (row.checkpoint) {
    out["root"] = base64_encode(row.checkpoint->mark.root);
    out["cosigned_at_s"] = row.checkpoint->time_s;
  }
  return out;
}

// A client of the witness that runs on the folder; null when none has left its address.
Result<std::unique_ptr<http::Client>> running_client(const WitnessPaths& paths,
                                                     const ShowArguments& options,
                                                     std::string& url) {
  auto text = read_text_file(paths.address().string(), 4096);
  if (!text) return std::unique_ptr<http::Client>();
  while (!text->empty() && text->back() == '\n') text->pop_back();
  url = *text;
  http::ClientOptions client_options;
  if (!options.ca_file.empty()) client_options.ca_file = options.ca_file;
  return http::Client::make(url, client_options);
}

// What the running witness says at a path; nothing when none runs.
Result<std::optional<Json>> ask_running(const WitnessPaths& paths, const ShowArguments& options,
                                        const std::string& target = "/status") {
  std::string url;
  WITAN_ASSIGN(const auto client, running_client(paths, options, url));
  if (!client) return std::optional<Json>{};
  const auto response = client->get(target);
  if (!response) return fail(response.error());
  Json answer = Json::parse(response->body, nullptr, false);
  if (response->status != 200 || !answer.is_object()) {
    return fail(ErrorCode::kUnavailable, url + target + " answered HTTP status " +
                                             std::to_string(response->status) +
                                             ", expected 200 and a JSON object");
  }
  answer["url"] = url;
  return std::optional<Json>(std::move(answer));
}

// What happened to each log since the running witness began; empty when none runs, or it does not
// say.
std::map<std::string, Json> since_start(const WitnessPaths& paths, const ShowArguments& options) {
  std::map<std::string, Json> out;
  for (std::size_t from = 0;;) {
    const auto page = ask_running(paths, options, "/logs?from=" + std::to_string(from));
    if (!page || !*page || !(*page)->contains("rows") || !(**page)["rows"].is_array()) return out;
    for (const Json& row : (**page)["rows"]) {
      if (!row.is_object()) continue;
      out[row.value("origin", "")] = {{"cosigned", row.value("cosigned", 0)},
                                      {"refused", row.value("refused", Json::object())}};
    }
    const std::size_t rows = (**page)["rows"].size();
    from += rows;
    if (rows == 0 || from >= (*page)->value("found", std::size_t{0})) return out;
  }
}

void print_refusals(const Json& figures) {
  for (const auto& [reason, count] : figures["refused"].items()) {
    std::printf("%47s refused as %s since the start: %s\n", "", printable(reason).c_str(),
                count.dump().c_str());
  }
}

Result<void> run_list(const ShowArguments& options) {
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  WITAN_ASSIGN(const auto hold, read_witness_hold(folder.paths));
  const auto figures = since_start(folder.paths, options);
  std::vector<ListedRow> rows;
  WITAN_TRY(
      folder.store->each_log([&](KnownLog&& log, std::optional<StoredCheckpoint>&& checkpoint) {
        if (checkpoint) checkpoint->note.clear();
        const bool held = hold && hold->holds(sha256(as_bytes(log.origin)));
        rows.push_back({std::move(log), held, std::move(checkpoint), {}});
        return true;
      }));
  std::sort(rows.begin(), rows.end(),
            [](const ListedRow& a, const ListedRow& b) { return a.log.origin < b.log.origin; });
  WITAN_TRY(folder.store->each_feed([&](StoredFeed&& stored) {
    const auto at = std::lower_bound(
        rows.begin(), rows.end(), stored.origin,
        [](const ListedRow& row, const std::string& origin) { return row.log.origin < origin; });
    if (at != rows.end() && at->log.origin == stored.origin) at->feed = std::move(stored.feed);
    return true;
  }));
  if (options.json) {
    Json all = Json::array();
    for (const ListedRow& row : rows) {
      Json entry = json_of(row);
      const auto found = figures.find(row.log.origin);
      if (found != figures.end()) entry["since_start"] = found->second;
      all.push_back(std::move(entry));
    }
    print_shown(all);
    return {};
  }
  if (rows.empty()) {
    std::printf("no logs yet: `witan witness add-log --dir %s VKEY` adds one\n",
                options.dir.c_str());
  } else {
    std::printf("%14s  %-19s  %-8s  %s\n", "size", "cosigned (UTC)", "state", "origin");
  }
  for (const ListedRow& row : rows) {
    const auto& checkpoint = row.checkpoint;
    std::printf("%14s  %-19s  %-8s  %s\n",
                checkpoint ? std::to_string(checkpoint->mark.size.value).c_str() : "-",
                checkpoint ? cosigned_utc(checkpoint->time_s).c_str() : "never",
                state_of(row).c_str(), printable(row.log.origin).c_str());
    const std::string why = why_unusable(row.log.keys);
    if (!why.empty()) std::printf("%14s  never cosigned: %s\n", "", why.c_str());
    if (row.feed) std::printf("%14s  read from %s\n", "", printable(row.feed->url).c_str());
    const auto found = figures.find(row.log.origin);
    if (found != figures.end()) print_refusals(found->second);
  }
  return {};
}

bool is_taken(const WitnessPaths& paths) {
  const auto lock = FolderLock::take(paths.dir);
  return !lock && lock.error().code == ErrorCode::kConflict;
}

// Of a witness that cannot be asked, whose certificate may name the world's address for it. One
// that was killed leaves its address behind.
std::optional<Json> running_unasked(const WitnessPaths& paths, const Error& why) {
  if (!is_taken(paths)) return std::nullopt;
  return Json{{"problem", "it runs, but cannot be asked: " + why.message}};
}

// A witness without a port cannot be asked; it runs when its folder is taken, and keeps a file of
// how it stands with its bastions.
std::optional<Json> running_without_port(const WitnessPaths& paths) {
  const auto text = read_text_file(paths.bastions().string(), kBastionsFileBytesMax);
  if (!text) return std::nullopt;
  if (!is_taken(paths)) return std::nullopt;
  Json bastions = Json::parse(*text, nullptr, false);
  if (!bastions.is_array()) return std::nullopt;
  return Json{{"bastions", std::move(bastions)}};
}

std::string bastion_line(const Json& bastion) {
  const bool connected = bastion.value("connected", false);
  const std::uint64_t since_s = bastion.value("since_s", std::uint64_t{0});
  const std::string problem = bastion.value("problem", "");
  return bastion.value("public_url", "") + (connected ? " connected" : " not connected") +
         (since_s == 0 ? "" : " since " + cosigned_utc(since_s) + " UTC") +
         (problem.empty() ? "" : " (" + problem + ")");
}

void print_status(const Json& status) {
  for (const auto& [key, value] : status.items()) {
    if (value.is_object()) {
      std::printf("%s\n", key.c_str());
      for (const auto& [result, count] : value.items()) {
        std::printf("  %-20s %s\n", printable(result).c_str(), count.dump().c_str());
      }
    } else if (value.is_array()) {
      for (const Json& bastion : value) {
        std::printf("%-22s %s\n", "bastion", printable(bastion_line(bastion)).c_str());
      }
    } else {
      const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
      std::printf("%-22s %s\n", key.c_str(), printable(text).c_str());
    }
  }
}

void print_lists(const std::vector<ListState>& lists) {
  for (const ListState& list : lists) {
    std::printf(
        "list %s\n  read %s UTC, %llu logs, %llu added by it\n", printable(list.source).c_str(),
        list.read_s == 0 ? "never," : cosigned_utc(list.read_s).c_str(),
        static_cast<unsigned long long>(list.logs), static_cast<unsigned long long>(list.added));
    if (!list.error.empty()) std::printf("  cannot be read: %s\n", printable(list.error).c_str());
    for (const std::string& warning : list.shown_warnings) {
      std::printf("  warning: %s\n", printable(warning).c_str());
    }
  }
}

void print_feeding(const Json& feeding) {
  std::printf("%-22s %s\n", "logs read", feeding.value("logs", Json(0)).dump().c_str());
  const Json readings = feeding.value("readings", Json::object());
  for (const auto& [result, count] : readings.items()) {
    std::printf("  %-20s %s\n", printable(result).c_str(), count.dump().c_str());
  }
  const Json alarms = feeding.value("alarms", Json::array());
  for (const Json& alarm : alarms) {
    std::printf("  ALARM %s: %s: %s\n", printable(alarm.value("origin", "")).c_str(),
                printable(alarm.value("what", "")).c_str(),
                printable(alarm.value("message", "")).c_str());
  }
  const Json failing = feeding.value("failing", Json::object());
  for (const auto& [origin, why] : failing.items()) {
    const std::string text = why.is_string() ? why.get<std::string>() : "";
    std::printf("  not read: %s: %s\n", printable(origin).c_str(), printable(text).c_str());
  }
}

Result<void> run_witness_status(const ShowArguments& options) {
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  WITAN_ASSIGN(const auto counts, folder.store->counts());
  const auto asked = ask_running(folder.paths, options);
  std::optional<Json> running = asked ? *asked : running_unasked(folder.paths, asked.error());
  if (!running) running = running_without_port(folder.paths);
  std::uint64_t newest = 0;
  WITAN_TRY(folder.store->each_checkpoint([&](StoredCheckpoint&& checkpoint) {
    newest = std::max(newest, checkpoint.time_s);
    return true;
  }));
  Json out;
  out["name"] = folder.config.name;
  out["running"] = running.has_value();
  if (running) out["url"] = running->value("url", "");
  std::error_code ignored;
  if (fs::exists(folder.paths.bastion_key(), ignored)) {
    WITAN_ASSIGN(BastionKey key, BastionKey::open_or_make(folder.paths.bastion_key()));
    wipe(key.pem);
    out["bastion_key_hash"] = key.hash;
  }
  out["logs"] = counts.logs;
  out["logs_cosigned"] = counts.checkpoints;
  out["newest_cosignature_s"] = newest;
  // What the lists' refresher keeps in the store is there without a witness running, too.
  WITAN_ASSIGN(const auto lists, folder.store->lists());
  out["lists"] = lists_json(lists);
  if (running && running->contains("feeding")) out["feeding"] = (*running)["feeding"];
  if (running) {
    out["problem"] = running->value("problem", "");
    out["warning"] = running->value("warning", "");
    out["queued"] = running->value("queued", 0);
    out["checkpoints"] = running->value("checkpoints", Json::object());
    if (running->contains("walls")) out["walls"] = (*running)["walls"];
    out["bastions"] = running->value("bastions", Json::array());
  }
  if (options.json) {
    print_shown(out);
    return {};
  }
  print_lists(lists);
  out.erase("lists");
  if (out.contains("feeding")) print_feeding(out["feeding"]);
  out.erase("feeding");
  print_status(out);
  return {};
}

}  // namespace

void add_witness_show(Verb& witness) {
  auto list = std::make_shared<ShowArguments>();
  Verb& list_verb = witness.verb("list", "Show the logs that a witness knows");
  list_verb.footer("Example: witan witness list --dir ./witness");
  list_verb.option("--dir", list->dir, "The witness's folder").required();
  list_verb.flag("--json", list->json, "Print JSON");
  list_verb.runs([list] {
    const auto result = run_list(*list);
    return result ? kExitDone : report("witness list", result.error());
  });

  auto status = std::make_shared<ShowArguments>();
  Verb& status_verb = witness.verb("status", "Show how a witness is, running or not");
  status_verb.footer("Example: witan witness status --dir ./witness");
  status_verb.option("--dir", status->dir, "The witness's folder").required();
  status_verb.option("--ca", status->ca_file,
                     "CA certificates (PEM) to trust for https, besides the system's");
  status_verb.flag("--json", status->json, "Print JSON");
  status_verb.runs([status] {
    const auto result = run_witness_status(*status);
    return result ? kExitDone : report("witness status", result.error());
  });
}

}  // namespace witan::cli
