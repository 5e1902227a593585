#include "node/witness/background_page.h"

#include <nlohmann/json.hpp>

namespace witan {
namespace {

using nlohmann::ordered_json;

std::string minutes_ago(std::uint64_t now_s, std::uint64_t then_s) {
  if (then_s == 0) return "never";
  const std::uint64_t seconds = now_s > then_s ? now_s - then_s : 0;
  return std::to_string(seconds / 60) + " min ago";
}

void write_lists(std::ostream& out, const std::vector<ListState>& lists, std::uint64_t now_s,
                 EscapeHtml html) {
  out << "<h2>Lists of logs</h2>\n<table><tr><th>List<th>Logs<th>Read<th></tr>\n";
  for (const ListState& list : lists) {
    out << "<tr><td>" << html(list.source) << "<td class=n>" << list.logs << "<td>"
        << minutes_ago(now_s, list.read_s) << "<td>" << html(list.error);
    if (list.key_changes > 0) {
      out << "<strong>" << list.key_changes << " changed keys, not taken:</strong>";
      for (const std::string& warning : list.shown_warnings) out << "<br>" << html(warning);
    }
    out << "</tr>\n";
  }
  out << "</table>\n";
}

}  // namespace

void write_background(std::ostream& out, const std::vector<ListState>& lists,
                      const FeedingStatus& feeding, std::uint64_t now_s, EscapeHtml html) {
  if (!lists.empty()) write_lists(out, lists, now_s, html);
  if (feeding.logs == 0 && feeding.alarms.empty()) return;
  out << "<h2>" << feeding.logs << " logs read by this witness</h2>\n";
  if (!feeding.alarms.empty()) {
    out << "<p><strong>" << feeding.alarms_all
        << " of them shrank or forked, and are not cosigned:</strong></p>\n<table>\n";
    for (const FeedAlarm& alarm : feeding.alarms) {
      out << "<tr><td>" << html(alarm.origin) << "<td>" << to_string(alarm.outcome) << "<td>"
          << html(alarm.message) << "<td>" << minutes_ago(now_s, alarm.since_s) << "</tr>\n";
    }
    out << "</table>\n";
  }
  if (feeding.failing.empty()) return;
  out << "<p>" << feeding.failing_all << " cannot be read:</p>\n<table>\n";
  for (const auto& [origin, why] : feeding.failing) {
    out << "<tr><td>" << html(origin) << "<td>" << html(why) << "</tr>\n";
  }
  out << "</table>\n";
}

ordered_json lists_json(const std::vector<ListState>& lists) {
  ordered_json out = ordered_json::array();
  for (const ListState& list : lists) {
    ordered_json one;
    one["source"] = list.source;
    one["tried_at_s"] = list.tried_s;
    one["read_at_s"] = list.read_s;
    one["logs"] = list.logs;
    one["added"] = list.added;
    one["key_changes"] = list.key_changes;
    one["warnings"] = list.warnings;
    one["first_warnings"] = list.shown_warnings;
    one["error"] = list.error;
    out.push_back(std::move(one));
  }
  return out;
}

ordered_json feeding_json(const FeedingStatus& feeding) {
  ordered_json out;
  out["logs"] = feeding.logs;
  out["late_s"] = feeding.late_s;
  out["readings"] = ordered_json::object();
  for (const auto& [result, count] : feeding.counted) {
    if (count > 0) out["readings"][result] = count;
  }
  out["alarms"] = ordered_json::array();
  for (const FeedAlarm& alarm : feeding.alarms) {
    out["alarms"].push_back({{"origin", alarm.origin},
                             {"what", to_string(alarm.outcome)},
                             {"message", alarm.message},
                             {"since_s", alarm.since_s}});
  }
  out["failing"] = ordered_json::object();
  for (const auto& [origin, why] : feeding.failing) out["failing"][origin] = why;
  return out;
}

}  // namespace witan
