# Nix expression, for callPackage:
#   nix-build --expr '(import <nixpkgs> { }).callPackage ./default.nix { }'
# It builds the source release, whose crates are in it, so it needs no hash of them.
{ lib, stdenv, fetchurl, symlinkJoin, cmake, cargo, rustc }:

let
  # CMake looks for rustc beside cargo.
  rust = symlinkJoin {
    name = "rust";
    paths = [ cargo rustc ];
  };
in
stdenv.mkDerivation rec {
  pname = "libeventsource";
  version = "@EVENTSOURCE_VERSION@";

  src = fetchurl {
    url = "@EVENTSOURCE_RELEASES@/eventsource-${version}.tar.xz";
    sha256 = "@EVENTSOURCE_SHA256@";
  };

  nativeBuildInputs = [ cmake rust ];
  # cargo writes there, and the builder has no home.
  preConfigure = ''
    export CARGO_HOME="$TMPDIR/cargo"
  '';
  cmakeFlags = [
    "-DEVENTSOURCE_BUILD_EXAMPLES=OFF"
    "-DEVENTSOURCE_BUILD_TESTS=OFF"
  ];

  meta = {
    description = "Server-Sent Events (EventSource) client with a C ABI";
    license = lib.licenses.asl20;
    mainProgram = "eventsource";
    platforms = lib.platforms.unix;
  };
}
