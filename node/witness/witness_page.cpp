#include "node/witness/witness_page.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "config/limits.h"
#include "config/witness_limits.h"
#include "ledger/format/checkpoint.h"
#include "node/cli/printable.h"
#include "node/enclave_walls.h"
#include "node/witness/background_page.h"

namespace witan {
namespace {

using Json = nlohmann::ordered_json;

std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

// For text between tags and in quoted attributes. What could pass for something else on a terminal
// could on a page too.
std::string html(std::string_view text) {
  std::string out;
  for (const char c : cli::printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string age(std::uint64_t now_s, std::uint64_t then_s) {
  const std::uint64_t seconds = now_s > then_s ? now_s - then_s : 0;
  if (seconds < 120) return std::to_string(seconds) + " s";
  if (seconds < 7'200) return std::to_string(seconds / 60) + " min";
  if (seconds < 172'800) return std::to_string(seconds / 3'600) + " h";
  return std::to_string(seconds / 86'400) + " d";
}

constexpr std::string_view kStyle =
    "body{font:15px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.2em 1em .2em 0;"
    "border-bottom:1px solid #ccc;vertical-align:top}td.n{text-align:right}"
    "code{word-break:break-all}";

// "reason 3, other 1", of what is not zero.
std::string refusals_text(const LogFigures& figures) {
  std::string out;
  for (std::size_t i = 0; i < kLogRefusals.size(); ++i) {
    if (figures.refused[i] == 0) continue;
    out += (out.empty() ? "" : ", ") + std::string(kLogRefusals[i]) + " " +
           std::to_string(figures.refused[i]);
  }
  return out;
}

std::string url_encoded(std::string_view text) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

void write_link(std::ostringstream& out, const WitnessQuery& query, std::size_t from,
                std::string_view text) {
  out << "<a href=\"?q=" << url_encoded(query.part) << "&amp;from=" << from << "\">" << text
      << "</a> ";
}

void write_search(std::ostringstream& out, const WitnessRowsPage& page, const WitnessQuery& query) {
  out << "<h2>" << page.all << " log" << (page.all == 1 ? "" : "s") << "</h2>\n"
      << "<form><input name=q size=40 value=\"" << html(query.part)
      << "\" placeholder=\"part of an origin\"> <button>find</button></form>\n<p>";
  if (!query.part.empty()) out << page.found << " fit. ";
  if (page.rows.size() < page.found) {
    out << "Shown: " << (page.rows.empty() ? 0 : page.from + 1) << " to "
        << page.from + page.rows.size() << ". ";
    if (page.from > 0) {
      write_link(out, query, page.from - std::min(page.from, limits::kWitnessPageRows), "before");
    }
    if (page.from + page.rows.size() < page.found) {
      write_link(out, query, page.from + limits::kWitnessPageRows, "after");
    }
  }
  out << "</p>\n";
}

void write_logs(std::ostringstream& out, const WitnessRowsPage& page, WitnessService& witness,
                std::uint64_t now_s) {
  if (page.rows.empty()) return;
  out << "<table><tr><th>Origin<th>Size<th>Cosigned<th>Times<th>Refused<th></tr>\n";
  for (const WitnessRow& row : page.rows) {
    const LogFigures figures = witness.metrics().logs().of(row.origin);
    out << "<tr><td>";
    if (row.has_note) {
      out << "<a href=\"" << origin_hash(row.origin) << "/checkpoint\">" << html(row.origin)
          << "</a>";
    } else {
      out << html(row.origin);
    }
    out << "<td class=n>" << (row.size ? std::to_string(*row.size) : "") << "<td>"
        << (row.size ? age(now_s, row.time_s) + " ago" : "never") << "<td class=n>"
        << figures.cosigned << "<td>" << refusals_text(figures) << "<td>"
        << (row.disabled ? "disabled" : "") << "</tr>\n";
  }
  out << "</table>\n<p>Times and refusals are since this process began.</p>\n";
}

void write_bastions(std::ostringstream& out, const std::vector<BastionStatus>& bastions,
                    std::uint64_t now_s) {
  for (const BastionStatus& bastion : bastions) {
    out << "<p>Reached through a bastion: <code>" << html(bastion.public_url) << "</code>, "
        << (bastion.connected ? "connected" : "not connected");
    if (bastion.since_s != 0) out << " for " << age(now_s, bastion.since_s);
    if (!bastion.problem.empty()) out << " (" << html(bastion.problem) << ")";
    out << "</p>\n";
  }
}

}  // namespace

WitnessTrouble witness_trouble(WitnessService& witness, const Clock& clock) {
  WitnessTrouble out;
  out.problem = witness.problem();
  const auto counts = witness.store().counts();
  if (!counts && out.problem.empty()) out.problem = counts.error().message;
  const auto released = witness.identity().released;
  if (out.problem.empty() && counts && released && *released < counts->logs) {
    out.problem = std::to_string(counts->logs - *released) + " of " + std::to_string(counts->logs) +
                  " logs are held since this folder was restored from a backup: stop the witness "
                  "and `witan witness confirm --dir DIR` where they stand";
  }
  const std::uint64_t newest_s = witness.metrics().newest_time_s();
  const std::uint64_t now_s = clock.unix_ms() / 1000;
  if (newest_s > now_s + limits::kClockAheadMax.count()) {
    out.warning = "cosignatures carry a time " + std::to_string(newest_s - now_s) +
                  " s ahead of this machine's clock. If the clock is wrong now, set it. If it was "
                  "ahead once, the time of cosignatures stays there until it is reached, since it "
                  "never goes back: wait, or make a new witness with a new name and key";
  }
  return out;
}

Result<std::string> witness_page(WitnessService& witness, WitnessRows& rows, const Clock& clock,
                                 const WitnessQuery& query,
                                 const std::vector<BastionStatus>& bastions,
                                 const FeedingStatus& feeding) {
  WITAN_ASSIGN(const WitnessRowsPage page,
               rows.page(query.part, query.from, limits::kWitnessPageRows));
  WITAN_ASSIGN(const auto lists, witness.store().lists());
  std::ostringstream out;
  const std::string name = html(witness.identity().name);
  out << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Witness " << name
      << "</title><meta name=\"viewport\" content=\"width=device-width\"><style>" << kStyle
      << "</style></head><body>\n<h1>Witness " << name << "</h1>\n";
  for (const VerifierKey& key : witness.identity().keys) {
    out << "<p><code>" << html(key.text()) << "</code></p>\n";
  }
  const WitnessTrouble trouble = witness_trouble(witness, clock);
  if (!trouble.problem.empty()) {
    out << "<p><strong>Cannot cosign: " << html(trouble.problem) << "</strong></p>\n";
  }
  if (!trouble.warning.empty()) out << "<p><strong>" << html(trouble.warning) << "</strong></p>\n";
  write_bastions(out, bastions, clock.unix_ms() / 1000);
  write_search(out, page, query);
  write_logs(out, page, witness, clock.unix_ms() / 1000);
  write_background(out, lists, feeding, clock.unix_ms() / 1000, html);
  out << "<h2>Checkpoints since this process began</h2>\n<table>\n";
  for (const auto& [result, count] : witness.metrics().counted()) {
    out << "<tr><td>" << html(result) << "<td class=n>" << count << "</tr>\n";
  }
  out << "</table>\n<p>Witan " WITAN_VERSION
         " · <a href=\"status\">status</a> · <a href=\"logs\">logs</a> · "
         "<a href=\"metrics\">metrics</a> · "
         "<a href=\"witness.v0.json\">witness.v0.json</a></p>\n</body></html>\n";
  return out.str();
}

Result<std::string> witness_logs_json(WitnessService& witness, WitnessRows& rows,
                                      const WitnessQuery& query) {
  WITAN_ASSIGN(const WitnessRowsPage page,
               rows.page(query.part, query.from, limits::kWitnessJsonRows));
  Json body;
  body["logs"] = page.all;
  body["found"] = page.found;
  body["from"] = page.from;
  body["rows"] = Json::array();
  for (const WitnessRow& row : page.rows) {
    const LogFigures figures = witness.metrics().logs().of(row.origin);
    Json entry;
    entry["origin"] = row.origin;
    entry["disabled"] = row.disabled;
    entry["size"] = row.size ? Json(*row.size) : Json(nullptr);
    if (row.size) entry["cosigned_at_s"] = row.time_s;
    entry["cosigned"] = figures.cosigned;
    entry["refused"] = Json::object();
    for (std::size_t i = 0; i < kLogRefusals.size(); ++i) {
      if (figures.refused[i] > 0)
        entry["refused"][std::string(kLogRefusals[i])] = figures.refused[i];
    }
    body["rows"].push_back(std::move(entry));
  }
  return body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

Result<std::string> witness_status_json(WitnessService& witness, const Clock& clock,
                                        const std::vector<BastionStatus>& bastions,
                                        const FeedingStatus& feeding, const WallStates& walls) {
  WITAN_ASSIGN(const auto lists, witness.store().lists());
  WITAN_ASSIGN(const auto counts, witness.store().counts());
  Json body;
  body["version"] = WITAN_VERSION;
  body["name"] = witness.identity().name;
  body["verifier_keys"] = Json::array();
  for (const VerifierKey& key : witness.identity().keys) {
    body["verifier_keys"].push_back(key.text());
  }
  body["logs"] = counts.logs;
  body["logs_cosigned"] = counts.checkpoints;
  body["queued"] = witness.queued();
  const WitnessTrouble trouble = witness_trouble(witness, clock);
  body["problem"] = trouble.problem;
  body["warning"] = trouble.warning;
  body["checkpoints"] = Json::object();
  for (const auto& [result, count] : witness.metrics().counted()) {
    body["checkpoints"][result] = count;
  }
  body["bastions"] = Json::parse(bastions_json(bastions));
  body["lists"] = lists_json(lists);
  body["feeding"] = feeding_json(feeding);
  body["walls"] = walls_json(walls);
  return json_text(body);
}

std::string witness_v0_json(const CosignerState& identity, const std::string& url) {
  const std::string with_slash = url.empty() || url.back() == '/' ? url : url + "/";
  Json body;
  body["monitoring_url"] = with_slash;
  body["name"] = identity.name;
  body["software"] = {{"name", "witan"}, {"version", WITAN_VERSION}};
  body["submission_url"] = with_slash;
  body["verifier_keys"] = Json::array();
  for (const VerifierKey& key : identity.keys) body["verifier_keys"].push_back(key.text());
  return json_text(body);
}

}  // namespace witan
