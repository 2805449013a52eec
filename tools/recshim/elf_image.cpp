// Reads ELF headers of this tool's own class and machine.
#include "tools/recshim/elf_image.h"

#include <elf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <link.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>

namespace recshim::tools {
namespace {

using Ehdr = ElfW(Ehdr);
using Phdr = ElfW(Phdr);
using Shdr = ElfW(Shdr);
using Dyn = ElfW(Dyn);

constexpr size_t kMaxHeaders = 1024;
constexpr size_t kMaxTextBytes = 4096;
#if defined(__LP64__)
constexpr unsigned char kOwnClass = ELFCLASS64;
#else
constexpr unsigned char kOwnClass = ELFCLASS32;
#endif

class Reader {
 public:
  explicit Reader(int fd) : fd_(fd) {}

  // Up to n bytes at offset.
  [[nodiscard]] std::string read(uint64_t offset, size_t n) const {
    std::string bytes(n, '\0');
    const ssize_t got = pread(fd_, bytes.data(), n, static_cast<off_t>(offset));
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }
  template <typename T>
  [[nodiscard]] std::optional<T> value(uint64_t offset) const {
    const std::string bytes = read(offset, sizeof(T));
    if (bytes.size() != sizeof(T)) return std::nullopt;
    T value;
    std::memcpy(&value, bytes.data(), sizeof(T));
    return value;
  }
  // A string that ends with NUL.
  [[nodiscard]] std::string text(uint64_t offset) const {
    const std::string bytes = read(offset, kMaxTextBytes);
    const size_t end = bytes.find('\0');
    return end == std::string::npos ? "" : bytes.substr(0, end);
  }

 private:
  int fd_;
};

void look_at_its_end(int fd, const Ehdr& header, const std::vector<Phdr>& segments,
                     ElfImage& image) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return;
  const auto size = static_cast<uint64_t>(info.st_size);
  const auto fits = [&](uint64_t offset, uint64_t bytes) {
    return offset <= size && bytes <= size - offset;
  };
  image.is_loadable = segments.size() == header.e_phnum &&
                      std::all_of(segments.begin(), segments.end(), [&](const Phdr& segment) {
                        return fits(segment.p_offset, segment.p_filesz);
                      });
  // The section headers come last in what a linker writes.
  image.is_whole =
      image.is_loadable && fits(header.e_shoff, uint64_t{header.e_shnum} * header.e_shentsize);
}

// e_machine of this tool itself.
uint16_t own_machine() {
  static const uint16_t machine = [] {
    const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return uint16_t{EM_NONE};
    const auto header = Reader(fd).value<Ehdr>(0);
    close(fd);
    return header ? header->e_machine : uint16_t{EM_NONE};
  }();
  return machine;
}

// ident: at least 20 bytes of the file; e_machine lies at the same place in both classes.
std::string machine_name(const std::string& ident) {
  const auto low = static_cast<unsigned char>(ident[ident[EI_DATA] == ELFDATA2MSB ? 19 : 18]);
  const auto high = static_cast<unsigned char>(ident[ident[EI_DATA] == ELFDATA2MSB ? 18 : 19]);
  const int machine = low | high << 8;
  switch (machine) {
    case EM_386:
      return "32-bit x86";
    case EM_X86_64:
      return ident[EI_CLASS] == ELFCLASS32 ? "x32" : "x86-64";
    case EM_ARM:
      return "32-bit ARM";
    case EM_AARCH64:
      return "AArch64";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "PowerPC 64";
    case EM_S390:
      return "S/390";
    default:
      return fmt::format("machine {}", machine);
  }
}

// False where it names no strings, as every one does.
bool read_dynamic(const Reader& file, const std::vector<Phdr>& segments, const Phdr& dynamic,
                  ElfImage& image) {
  std::vector<uint64_t> names;
  std::optional<uint64_t> strings_address;
  std::optional<uint64_t> run_path;
  std::optional<uint64_t> old_path;
  const size_t count = dynamic.p_filesz / sizeof(Dyn);
  for (size_t i = 0; i < count && i < kMaxHeaders; ++i) {
    const auto entry = file.value<Dyn>(dynamic.p_offset + i * sizeof(Dyn));
    if (!entry || entry->d_tag == DT_NULL) break;
    if (entry->d_tag == DT_NEEDED) names.push_back(entry->d_un.d_val);
    if (entry->d_tag == DT_STRTAB) strings_address = entry->d_un.d_ptr;
    if (entry->d_tag == DT_RUNPATH) run_path = entry->d_un.d_val;
    if (entry->d_tag == DT_RPATH) old_path = entry->d_un.d_val;
  }
  if (!strings_address) return false;
  for (const Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || *strings_address < segment.p_vaddr ||
        *strings_address - segment.p_vaddr >= segment.p_filesz) {
      continue;
    }
    const uint64_t strings = segment.p_offset + (*strings_address - segment.p_vaddr);
    for (const uint64_t name : names) {
      if (std::string text = file.text(strings + name); !text.empty()) {
        image.needed.push_back(std::move(text));
      }
    }
    if (run_path || old_path) {
      image.search_path = file.text(strings + (run_path ? *run_path : *old_path));
    }
    return true;
  }
  return false;
}

void read_sections(const Reader& file, const Ehdr& header, ElfImage& image) {
  std::vector<Shdr> sections;
  for (size_t i = 0; i < header.e_shnum && i < kMaxHeaders; ++i) {
    const auto section = file.value<Shdr>(header.e_shoff + i * header.e_shentsize);
    if (!section) return;
    sections.push_back(*section);
  }
  if (header.e_shstrndx >= sections.size()) return;
  const Shdr& names = sections[header.e_shstrndx];
  for (const Shdr& section : sections) {
    if (section.sh_type == SHT_NULL || section.sh_type == SHT_NOBITS) continue;
    image.sections.push_back({file.text(names.sh_offset + section.sh_name), section.sh_offset,
                              section.sh_size, (section.sh_flags & SHF_EXECINSTR) != 0});
  }
}

}  // namespace

ElfImage read_elf_image(int fd) {
  ElfImage image;
  const Reader file(fd);
  const std::string ident = file.read(0, 20);
  if (ident.size() < 20 || std::memcmp(ident.data(), ELFMAG, SELFMAG) != 0) return image;
  image.is_elf = true;
  image.machine = machine_name(ident);
  const auto header = file.value<Ehdr>(0);
  if (static_cast<unsigned char>(ident[EI_CLASS]) != kOwnClass || !header ||
      header->e_machine != own_machine()) {
    image.is_foreign = true;
    return image;
  }
  image.is_position_independent = header->e_type == ET_DYN;
  std::vector<Phdr> segments;
  for (size_t i = 0; i < header->e_phnum && i < kMaxHeaders; ++i) {
    const auto segment = file.value<Phdr>(header->e_phoff + i * header->e_phentsize);
    if (!segment) return image;
    segments.push_back(*segment);
  }
  look_at_its_end(fd, *header, segments, image);
  for (const Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) {
      image.loader = file.text(segment.p_offset);
    } else if (segment.p_type == PT_DYNAMIC) {
      image.has_dynamic_section = read_dynamic(file, segments, segment, image);
    } else if (segment.p_type == PT_LOAD) {
      image.segments.push_back(
          {"", segment.p_offset, segment.p_filesz, (segment.p_flags & PF_X) != 0});
    }
  }
  read_sections(file, *header, image);
  return image;
}

ElfImage read_elf_image(const std::string& path) {
  // A pipe is not waited for.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return {};
  ElfImage image = read_elf_image(fd);
  close(fd);
  return image;
}

}  // namespace recshim::tools
