#include "node/cli/options.h"

#include <cstdint>
#include <string>
#include <vector>

#include "node/cli/cli.h"
#include "tests/support/catch.h"

using namespace witan::cli;

namespace {

// A program with the verbs `key make` and `key show`, and `say`, which takes either of two options.
struct Program {
  Program() {
    Verb& key = line.top().verb("key", "About keys");
    Verb& make = key.verb("make", "Makes one");
    make.option("--kind", kind, "Its kind").one_of({"ed25519", "es256"}).show_default();
    make.option("--bits", bits, "Its size").range(1u, 512u);
    make.runs([] { return 10; });
    Verb& show = key.verb("show", "Shows some");
    show.option("file", files, "Their files").required();
    show.runs([] { return 11; });
    Verb& say = line.top().verb("say", "Says something");
    Option text_option = say.option("--text", text, "What");
    Option number_option = say.option("-n,--number", number, "What");
    text_option.excludes(number_option);
    say.flag("--loud", loud, "How");
    say.needs("--text or --number", [this] { return !text.empty() || number != 0; });
    say.runs([] { return 12; });
  }

  // The exit code of what was chosen, or of the usage error.
  int run(std::vector<const char*> words) {
    words.insert(words.begin(), "program");
    const auto chosen = line.parse(static_cast<int>(words.size()), words.data());
    return chosen ? (*chosen)() : chosen.error();
  }

  CommandLine line{"program", "Does this and that", "program 1"};
  std::string kind = "ed25519", text;
  std::vector<std::string> files;
  std::uint64_t number = 0;
  unsigned bits = 256;
  bool loud = false;
};

}  // namespace

TEST_CASE("A typed verb is chosen, and what was typed is in its variables") {
  Program program;
  CHECK(program.run({"say", "-n", "18446744073709551615", "--loud"}) == 12);
  CHECK(program.number == 18446744073709551615u);
  CHECK(program.loud);
  CHECK(program.kind == "ed25519");
}

TEST_CASE("A verb below a verb is chosen") {
  Program program;
  CHECK(program.run({"key", "make", "--kind", "es256", "--bits", "512"}) == 10);
  CHECK(program.kind == "es256");
  CHECK(program.bits == 512);
  CHECK(program.run({"key", "show", "one", "two"}) == 11);
  CHECK(program.files == std::vector<std::string>{"one", "two"});
}

TEST_CASE("Help and version end the program well") {
  CHECK(Program().run({"--help"}) == kExitDone);
  CHECK(Program().run({"--version"}) == kExitDone);
  CHECK(Program().run({"key", "--help"}) == kExitDone);
  CHECK(Program().run({"key", "make", "--help"}) == kExitDone);
}

TEST_CASE("A wrong command line is a usage error") {
  const std::vector<std::vector<const char*>> wrong = {
      {},
      {"shout"},
      {"key"},
      {"key", "lose"},
      {"key", "show"},
      {"key", "show", ""},
      {"key", "make", "extra"},
      {"key", "make", "--kind", "rsa"},
      {"key", "make", "--bits", "0"},
      {"key", "make", "--bits", "513"},
      {"key", "make", "--bits", "many"},
      {"say"},
      {"say", "--number", "18446744073709551616"},
      {"say", "--text", "a", "--number", "1"},
      {"say", "--text", "a", "--other"},
  };
  for (const auto& words : wrong) {
    std::string typed = "program";
    for (const char* word : words) typed += std::string(" ") + word;
    INFO(typed);
    CHECK(Program().run(words) == kExitUsage);
  }
}

TEST_CASE("A program that runs something itself needs no verb") {
  CommandLine line("program", "Does this and that");
  line.top().runs([] { return 20; });
  line.top().verb("other", "Does something else").runs([] { return 21; });
  const auto run = [&](std::vector<const char*> words) {
    const auto chosen = line.parse(static_cast<int>(words.size()), words.data());
    return chosen ? (*chosen)() : chosen.error();
  };
  CHECK(run({"program"}) == 20);
  CHECK(run({"program", "other"}) == 21);
  CHECK(run({"program", "--version"}) == kExitUsage);
}
