# Homebrew formula. It builds the source release, whose crates are in it, so cargo needs no network.
class Libeventsource < Formula
  desc "Server-Sent Events (EventSource) client with a C ABI"
  homepage "@EVENTSOURCE_RELEASES@"
  url "@EVENTSOURCE_RELEASES@/eventsource-@EVENTSOURCE_VERSION@.tar.xz"
  sha256 "@EVENTSOURCE_SHA256@"
  license "Apache-2.0"

  depends_on "cmake" => :build
  depends_on "rust" => :build

  def install
    system "cmake", "-S", ".", "-B", "build", "-DEVENTSOURCE_BUILD_EXAMPLES=OFF", "-DEVENTSOURCE_BUILD_TESTS=OFF",
                    *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    (testpath/"test.c").write <<~C
      #include <eventsource.h>
      int main(void) {
          return eventsource_version_number() == EVENTSOURCE_VERSION_NUMBER ? 0 : 1;
      }
    C
    system ENV.cc, "test.c", "-I#{include}", "-L#{lib}", "-leventsource", "-o", "test"
    system "./test"
    assert_match version.to_s, shell_output("#{bin}/eventsource --version")
  end
end
