// The program `witan`: picks a verb and runs it.

#include <cstdio>
#include <exception>

#include <CLI/CLI.hpp>

#include "ledger/crypto/secret.h"
#include "node/cli/cli.h"

int main(int argc, char** argv) {
  namespace cli = witan::cli;
  CLI::App app{
      "Witan: an append-only log of signed statements that nobody has to trust.\n"
      "Start with `witan demo`, or `witan VERB --help` for a verb's options and an example."};
  app.set_version_flag("--version", "witan " WITAN_VERSION);
  app.require_subcommand(1);
  cli::Chosen chosen;
  cli::add_init(app, chosen);
  cli::add_node(app, chosen);
  cli::add_keygen(app, chosen);
  cli::add_sign(app, chosen);
  cli::add_submit(app, chosen);
  cli::add_receipt(app, chosen);
  cli::add_verify(app, chosen);
  cli::add_inspect(app, chosen);
  cli::add_audit(app, chosen);
  cli::add_status(app, chosen);
  cli::add_demo(app, chosen);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 only says that a verb is missing, not which word was found in its place.
    if (argc > 1 && argv[1][0] != '-' && app.get_subcommands().empty()) {
      std::fprintf(stderr, "witan: found '%s', expected a verb; `witan --help` lists them\n",
                   argv[1]);
      return cli::kExitUsage;
    }
    return app.exit(error) == 0 ? cli::kExitDone : cli::kExitUsage;
  }
  try {
    witan::init_crypto();
    return chosen.run();
  } catch (const std::exception& error) {
    return cli::report("", witan::Error{witan::ErrorCode::kIo, error.what()});
  }
}
