// witan witness pull-logs and lint: the witness network's lists of logs.

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "config/file.h"
#include "config/limits.h"
#include "node/cli/cli.h"
#include "node/cli/printable.h"
#include "node/cli/witness/verbs.h"
#include "node/witness/log_sources.h"
#include "witness/log_list.h"

namespace witan::cli {
namespace {

struct PullArguments {
  std::string dir, ca_file, format = "auto";
  std::vector<std::string> sources;
  bool json = false;
};

struct LintArguments {
  std::string file;
};

Result<LogList> read_list(const std::string& source, const PullArguments& options) {
  auto format = parse_log_list_format(options.format);
  if (!format) return fail(format.error().within("--format"));
  ListFetchOptions fetching;
  if (!options.ca_file.empty()) fetching.ca_file = options.ca_file;
  WITAN_ASSIGN(const FetchedList fetched, fetch_log_list(source, {}, fetching));
  auto list = parse_any_log_list(*fetched.text, *format);
  if (!list) return fail(list.error().within(source));
  return list;
}

void warn(const std::string& source, const std::vector<std::string>& warnings) {
  constexpr std::size_t kShownMax = 20;
  for (std::size_t i = 0; i < std::min(warnings.size(), kShownMax); ++i) {
    std::fprintf(stderr, "witan witness pull-logs: warning: %s: %s\n", source.c_str(),
                 printable(warnings[i]).c_str());
  }
  if (warnings.size() > kShownMax) {
    std::fprintf(stderr, "witan witness pull-logs: warning: %s: %zu more like these\n",
                 source.c_str(), warnings.size() - kShownMax);
  }
}

Result<void> run_pull(const PullArguments& options) {
  WITAN_ASSIGN(const WitnessFolder folder, open_witness_folder(options.dir));
  std::size_t added = 0, listed = 0, warnings = 0;
  for (const std::string& source : options.sources) {
    WITAN_ASSIGN(const LogList list, read_list(source, options));
    auto outcome = folder.store->merge(list, folder.config.name);
    if (!outcome) return fail(outcome.error().within(source));
    warn(source, list.warnings);
    warn(source, outcome->warnings);
    warnings += list.warnings.size() + outcome->warnings.size();
    added += outcome->added.size();
    listed += list.logs.size();
  }
  print_facts({{"listed", std::to_string(listed)},
               {"added", std::to_string(added)},
               {"warnings", std::to_string(warnings)}},
              options.json);
  return {};
}

Result<void> run_lint(const LintArguments& options) {
  WITAN_ASSIGN(const std::string text, read_text_file(options.file, limits::kLogListBytesMax));
  const auto lenient = LogList::parse(text);
  if (!lenient) return fail(lenient.error().within(options.file));
  for (const std::string& warning : lenient->warnings) {
    std::fprintf(stderr, "%s: %s\n", options.file.c_str(), printable(warning).c_str());
  }
  const auto strict = LogList::parse(text, true);
  if (!strict) {
    return fail(ErrorCode::kMalformed,
                options.file + ": a strict reader refuses it: " + strict.error().message);
  }
  std::printf("%s: %zu log%s, nothing to complain about\n", options.file.c_str(),
              strict->logs.size(), strict->logs.size() == 1 ? "" : "s");
  return {};
}

}  // namespace

void add_witness_lists(Verb& witness) {
  auto pull = std::make_shared<PullArguments>();
  Verb& pull_verb = witness.verb("pull-logs", "Add the logs of lists; none is removed or changed");
  pull_verb.footer("Example: witan witness pull-logs --dir ./witness https://example.org/logs.1");
  pull_verb.option("--dir", pull->dir, "The witness's folder").required();
  pull_verb.option("sources", pull->sources, "Files or http(s) URLs of lists").required();
  pull_verb.option("--ca", pull->ca_file,
                   "CA certificates (PEM) to trust for https, besides the system's");
  pull_verb
      .option("--format", pull->format,
              "logs/v0, sigsum (a policy), omniwitness (YAML), or auto: told from the content")
      .one_of({"auto", "logs/v0", "sigsum", "omniwitness"})
      .show_default();
  pull_verb.flag("--json", pull->json, "Print JSON");
  pull_verb.runs([pull] {
    const auto result = run_pull(*pull);
    return result ? kExitDone : report("witness pull-logs", result.error());
  });

  auto lint = std::make_shared<LintArguments>();
  Verb& lint_verb = witness.verb("lint", "Check a list of logs (logs/v0) strictly");
  lint_verb.footer("Example: witan witness lint logs.txt");
  lint_verb.option("file", lint->file, "The list").required();
  lint_verb.runs([lint] {
    const auto result = run_lint(*lint);
    return result ? kExitDone : report("witness lint", result.error());
  });
}

}  // namespace witan::cli
