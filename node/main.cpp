// The program `witan`: picks a verb and runs it.

#include <exception>

#include "ledger/crypto/secret.h"
#include "node/cli/cli.h"
#include "node/cli/options.h"

int main(int argc, char** argv) {
  namespace cli = witan::cli;
  cli::CommandLine command_line(
      "witan",
      "Witan: an append-only log of signed statements that nobody has to trust.\n"
      "Start with `witan demo`, or `witan VERB --help` for a verb's options and an example.",
      "witan " WITAN_VERSION);
  cli::Verb& top = command_line.top();
  cli::add_init(top);
  cli::add_node(top);
  cli::add_keygen(top);
  cli::add_sign(top);
  cli::add_submit(top);
  cli::add_receipt(top);
  cli::add_verify(top);
  cli::add_inspect(top);
  cli::add_audit(top);
  cli::add_status(top);
  cli::add_attest(top);
  cli::add_policy(top);
  cli::add_demo(top);
  cli::add_witness(top);
  const auto chosen = command_line.parse(argc, argv);
  if (!chosen) return chosen.error();
  try {
    witan::init_crypto();
    return (*chosen)();
  } catch (const std::exception& error) {
    return cli::report("", witan::Error{witan::ErrorCode::kIo, error.what()});
  }
}
