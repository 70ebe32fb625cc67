# Homebrew formula; packaging/make fills in the version and the sums of a release.
class Codexctl < Formula
  desc "Codex on your own machine, in a box that can reach only what you allow"
  homepage "https://github.com/codexctl/codexctl"
  version "@VERSION@"
  license "MIT"

  on_macos do
    on_arm do
      url "https://github.com/codexctl/codexctl/releases/download/v@VERSION@/codexctl-@VERSION@-osx-arm64.tar.gz"
      sha256 "@OSX_ARM64@"
    end
    on_intel do
      url "https://github.com/codexctl/codexctl/releases/download/v@VERSION@/codexctl-@VERSION@-osx-x64.tar.gz"
      sha256 "@OSX_X64@"
    end
  end

  on_linux do
    on_arm do
      url "https://github.com/codexctl/codexctl/releases/download/v@VERSION@/codexctl-@VERSION@-linux-arm64.tar.gz"
      sha256 "@LINUX_ARM64@"
    end
    on_intel do
      url "https://github.com/codexctl/codexctl/releases/download/v@VERSION@/codexctl-@VERSION@-linux-x64.tar.gz"
      sha256 "@LINUX_X64@"
    end
  end

  def install
    bin.install "bin/codexctl"
    man1.install Dir["share/man/man1/*.1"]
    bash_completion.install "share/bash-completion/completions/codexctl"
    zsh_completion.install "share/zsh/site-functions/_codexctl"
    fish_completion.install "share/fish/vendor_completions.d/codexctl.fish"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/codexctl --version")
  end
end
