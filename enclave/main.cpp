// witan-enclave: the signer, a process of its own. Started by witan, which holds the other end of
// the socket on descriptor 3.

#include <cstdio>
#include <exception>
#include <getopt.h>
#include <optional>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

#include "enclave/harden.h"
#include "enclave/serve.h"
#include "ledger/crypto/secret.h"

namespace {

constexpr int kSocket = 3;
constexpr int kExitUsage = 2;

constexpr const char* kUsage =
    "usage: witan-enclave --state-dir DIR [--user USER] [--require WALL]...\n"
    "\n"
    "Holds a log's keys and signs its tree heads. It is started by `witan node`, with which it\n"
    "speaks over a socket on descriptor 3; there is no use in starting it by hand.\n"
    "\n"
    "  --state-dir DIR  the folder of its sealed state (mode 0700; made when missing)\n"
    "  --user USER      the user to become when started as root; else the folder's owner\n"
    "  --require WALL   does not start without this wall; again for others\n"
    "  --help           this text\n"
    "\n"
    "example: witan-enclave --state-dir /var/lib/witan/enclave 3<>SOCKET\n";

struct Arguments {
  witan::HardenOptions harden;
  bool help = false;
};

// nullopt after a line on standard error.
std::optional<Arguments> parse(int argc, char* argv[]) {
  static const option kOptions[] = {{"state-dir", required_argument, nullptr, 'd'},
                                    {"user", required_argument, nullptr, 'u'},
                                    {"require", required_argument, nullptr, 'r'},
                                    {"help", no_argument, nullptr, 'h'},
                                    {nullptr, 0, nullptr, 0}};
  Arguments arguments;
  for (;;) {
    const int found = ::getopt_long(argc, argv, "h", kOptions, nullptr);
    if (found == -1) break;
    if (found == 'd') {
      arguments.harden.state_dir = optarg;
    } else if (found == 'u') {
      arguments.harden.user = optarg;
    } else if (found == 'r') {
      arguments.harden.require.emplace_back(optarg);
    } else if (found == 'h') {
      arguments.help = true;
      return arguments;
    } else {
      return std::nullopt;  // getopt has said what is wrong
    }
  }
  if (optind < argc) {
    std::fprintf(stderr, "witan-enclave: unexpected argument \"%s\"\n", argv[optind]);
    return std::nullopt;
  }
  if (arguments.harden.state_dir.empty()) {
    std::fprintf(stderr, "witan-enclave: --state-dir is missing\n");
    return std::nullopt;
  }
  return arguments;
}

bool is_stream_socket(int file) {
  int type = 0;
  socklen_t size = sizeof type;
  return ::getsockopt(file, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM;
}

int run(int argc, char* argv[]) {
  const std::optional<Arguments> arguments = parse(argc, argv);
  if (!arguments) {
    std::fputs(kUsage, stderr);
    return kExitUsage;
  }
  if (arguments->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  if (!is_stream_socket(kSocket)) {
    std::fprintf(stderr,
                 "witan-enclave: descriptor 3 is not a stream socket; it is started by witan\n");
    return kExitUsage;
  }
  auto walls = witan::harden_process(kSocket + 1, arguments->harden);
  if (!walls) return witan::refuse_to_start(kSocket, walls.error());
  witan::init_crypto();
  return witan::serve_enclave(kSocket, arguments->harden, std::move(*walls));
}

}  // namespace

int main(int argc, char* argv[]) {
  int code = 1;
  try {
    code = run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "witan-enclave: %s\n", error.what());
  }
  std::fflush(stdout);
  // Nothing to flush or to hand over; leak checkers cannot look into a process that is not
  // dumpable.
  ::_exit(code);
}
