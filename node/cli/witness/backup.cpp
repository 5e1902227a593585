// witan witness backup and restore: whole copies of a witness's folder, and folders made from them.

#include "node/witness/backup.h"

#include <cstdio>
#include <memory>
#include <string>

#include "node/cli/cli.h"
#include "node/cli/witness/verbs.h"

namespace witan::cli {
namespace {

struct BackupArguments {
  std::string dir, to;
  bool final = false, json = false;
};

struct RestoreArguments {
  std::string from, dir;
  bool json = false;
};

Result<void> run_backup(const BackupArguments& arguments) {
  BackupOptions options;
  options.final = arguments.final;
  WITAN_ASSIGN(const BackupDone done,
               back_up_witness(WitnessPaths{arguments.dir}, arguments.to, options));
  print_facts({{"backup", arguments.to},
               {"id", done.id},
               {"kind", arguments.final ? "final" : "copy"},
               {"files", std::to_string(done.files)},
               {"bytes", std::to_string(done.bytes)},
               {"logs", std::to_string(done.logs)},
               {"marks", std::to_string(done.marks)}},
              arguments.json);
  if (arguments.json) return {};
  if (arguments.final) {
    std::printf(
        "%s does not run any more. The backup takes its place, once:\n"
        "  witan witness restore --from %s --dir DIR\n",
        arguments.dir.c_str(), arguments.to.c_str());
  } else {
    std::printf(
        "It holds the witness's key: keep it as secret. What the witness cosigns from now on is "
        "not in it,\nso a folder that is restored from it cosigns no log before it was confirmed "
        "where the log stands.\nTo move a witness, stop it and use --final.\n");
  }
  return {};
}

Result<void> run_restore(const RestoreArguments& arguments) {
  WITAN_ASSIGN(const RestoreDone done, restore_witness(arguments.from, arguments.dir));
  print_facts({{"folder", arguments.dir},
               {"name", done.name},
               {"files", std::to_string(done.files)},
               {"logs", done.held ? "held" : "cosigned"}},
              arguments.json);
  if (arguments.json) return {};
  if (!done.held) {
    std::printf("It goes on exactly where the witness ended. Run it: witan witness run --dir %s\n",
                arguments.dir.c_str());
    return {};
  }
  std::printf(
      "No log is cosigned from it yet: %s.\n"
      "With old marks it could sign two histories of one log. So, for each log, show it the newest "
      "head\nthat it has cosigned, at the log itself or at whoever mirrors it:\n"
      "  witan witness confirm --dir %s --peer URL --head FILE-or-URL\n",
      done.reason.c_str(), arguments.dir.c_str());
  return {};
}

}  // namespace

void add_witness_backup(Verb& witness) {
  auto backup = std::make_shared<BackupArguments>();
  Verb& backup_verb =
      witness.verb("backup", "Copy a witness's folder, running or not; or move it (--final)");
  backup_verb.footer("Example: witan witness backup --dir ./witness --to /backup/witness-1");
  backup_verb.option("--dir", backup->dir, "The witness's folder").required();
  backup_verb.option("--to", backup->to, "The folder to make, which will hold the witness's key")
      .required();
  backup_verb.flag("--final", backup->final,
                   "The folder never runs again, and the backup goes on exactly where it ended");
  backup_verb.flag("--json", backup->json, "Print JSON");
  backup_verb.runs([backup] {
    const auto result = run_backup(*backup);
    return result ? kExitDone : report("witness backup", result.error());
  });

  auto restore = std::make_shared<RestoreArguments>();
  Verb& restore_verb = witness.verb("restore", "Make a witness's folder from a backup");
  restore_verb.footer("Example: witan witness restore --from /backup/witness-1 --dir ./witness");
  restore_verb.option("--from", restore->from, "What `witan witness backup` has made").required();
  restore_verb.option("--dir", restore->dir, "The folder to make").required();
  restore_verb.flag("--json", restore->json, "Print JSON");
  restore_verb.runs([restore] {
    const auto result = run_restore(*restore);
    return result ? kExitDone : report("witness restore", result.error());
  });
}

}  // namespace witan::cli
