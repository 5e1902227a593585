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
#include "ledger/format/checkpoint.h"
#include "node/cli/printable.h"

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

struct PageRow {
  std::string origin;
  bool disabled = false;
  std::optional<StoredCheckpoint> checkpoint;
};

void write_logs(std::ostringstream& out, const std::vector<PageRow>& rows, std::uint64_t all,
                std::uint64_t now_s) {
  out << "<h2>" << all << " log" << (all == 1 ? "" : "s") << "</h2>\n";
  if (rows.size() < all) out << "<p>The first " << rows.size() << " are shown.</p>\n";
  if (rows.empty()) return;
  out << "<table><tr><th>Origin<th>Size<th>Cosigned<th></tr>\n";
  for (const PageRow& row : rows) {
    out << "<tr><td>";
    if (row.checkpoint && !row.checkpoint->note.empty()) {
      out << "<a href=\"" << origin_hash(row.origin) << "/checkpoint\">" << html(row.origin)
          << "</a>";
    } else {
      out << html(row.origin);
    }
    out << "<td class=n>" << (row.checkpoint ? std::to_string(row.checkpoint->mark.size.value) : "")
        << "<td>" << (row.checkpoint ? age(now_s, row.checkpoint->time_s) + " ago" : "never")
        << "<td>" << (row.disabled ? "disabled" : "") << "</tr>\n";
  }
  out << "</table>\n";
}

}  // namespace

Result<std::string> witness_page(WitnessService& witness, const Clock& clock) {
  std::vector<PageRow> rows;
  WITAN_TRY(
      witness.store().each_log([&](KnownLog&& log, std::optional<StoredCheckpoint>&& checkpoint) {
        if (checkpoint && !checkpoint->note.empty()) checkpoint->note.resize(1);  // there is one
        rows.push_back(PageRow{std::move(log.origin), log.disabled, std::move(checkpoint)});
        return rows.size() < limits::kWitnessPageLogsMax;
      }));
  std::sort(rows.begin(), rows.end(),
            [](const PageRow& a, const PageRow& b) { return a.origin < b.origin; });
  WITAN_ASSIGN(const auto counts, witness.store().counts());

  std::ostringstream out;
  const std::string name = html(witness.identity().name);
  out << "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Witness " << name
      << "</title><meta name=\"viewport\" content=\"width=device-width\"><style>" << kStyle
      << "</style></head><body>\n<h1>Witness " << name << "</h1>\n";
  for (const VerifierKey& key : witness.identity().keys) {
    out << "<p><code>" << html(key.text()) << "</code></p>\n";
  }
  const std::string problem = witness.problem();
  if (!problem.empty()) out << "<p><strong>Cannot cosign: " << html(problem) << "</strong></p>\n";
  write_logs(out, rows, counts.logs, clock.unix_ms() / 1000);
  out << "<h2>Checkpoints since this process began</h2>\n<table>\n";
  for (const auto& [result, count] : witness.metrics().counted()) {
    out << "<tr><td>" << html(result) << "<td class=n>" << count << "</tr>\n";
  }
  out << "</table>\n<p>Witan " WITAN_VERSION
         " · <a href=\"status\">status</a> · <a href=\"metrics\">metrics</a> · "
         "<a href=\"witness.v0.json\">witness.v0.json</a></p>\n</body></html>\n";
  return out.str();
}

Result<std::string> witness_status_json(WitnessService& witness) {
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
  body["problem"] = witness.problem();
  body["checkpoints"] = Json::object();
  for (const auto& [result, count] : witness.metrics().counted()) {
    body["checkpoints"][result] = count;
  }
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
