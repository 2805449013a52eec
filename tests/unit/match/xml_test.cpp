// Which XML documents are the same, and what is refused.
#include "shim/match/xml.h"

#include <gtest/gtest.h>

#include <string>

namespace recshim::match {
namespace {

std::string read(std::string_view text) {
  const auto value = parse_xml(text);
  return value ? dump(*value, compact_style()) : "refused";
}

TEST(Xml, IsReadAsNamesAttributesAndContent) {
  EXPECT_EQ(read("<a/>"), R"(["a"])");
  EXPECT_EQ(read("<?xml version='1.0' encoding='UTF-8'?>\n<a b='1' a=\"2\">x<c/>y</a>\n"),
            R"(["a",{"a":"2","b":"1"},"x",["c"],"y"])");
  EXPECT_EQ(read("<a xmlns='urn:x'><b xmlns='' c='&lt;&#x41;&#66;&amp;'/></a>"),
            R"(["{urn:x}a",["b",{"c":"<AB&"}]])");
  EXPECT_EQ(read("<a xml:lang='en'>\xC3\xA9\r\n</a>"),
            "[\"a\",{\"{http://www.w3.org/XML/1998/namespace}lang\":\"en\"},\"\xC3\xA9\\n\"]");
}

TEST(Xml, WhatDoesNotMatterIsLeftOut) {
  const std::string plain = read("<p:a xmlns:p='urn:x' one='1' two='2'><p:b>t</p:b></p:a>");
  const char* const same[] = {
      "<p:a two='2' one=\"1\" xmlns:p='urn:x'><p:b>t</p:b></p:a>",
      "<q:a xmlns:q='urn:x' one='1' two='2'><q:b>t</q:b></q:a>",
      "<a xmlns='urn:x' one='1' two='2'><b>t</b></a>",
      "<a xmlns='urn:x' one='1' two='2'>\n  <b>t</b>\n</a>",
      "<a xmlns='urn:x' one='1' two='2'><!-- c --><b><![CDATA[t]]></b></a >",
      "<a xmlns='urn:x' one='&#49;' two='2' xmlns:unused='urn:y'><b>&#x74;</b></a>",
  };
  for (const char* const text : same) EXPECT_EQ(read(text), plain) << text;
  const char* const other[] = {
      "<a xmlns='urn:y' one='1' two='2'><b>t</b></a>",
      "<a xmlns='urn:x' one='1' two='3'><b>t</b></a>",
      "<a xmlns='urn:x' one='1' two='2'><b> t</b></a>",
      "<a xmlns='urn:x' one='1' two='2'>x<b>t</b></a>",
      "<a xmlns='urn:x' one='1' two='2'><b>t</b><b/></a>",
      "<a one='1' two='2'><b>t</b></a>",
  };
  for (const char* const text : other) EXPECT_NE(read(text), plain) << text;
}

TEST(Xml, WhiteSpaceThatMayMatterStays) {
  EXPECT_NE(read("<a> </a>"), read("<a/>"));
  EXPECT_NE(read("<a>x <b/></a>"), read("<a>x<b/></a>"));
  EXPECT_NE(read("<a xml:space='preserve'> <b/></a>"), read("<a xml:space='preserve'><b/></a>"));
  EXPECT_EQ(read("<a>\n <b/>\n\t<c/></a>"), read("<a><b/><c/></a>"));
}

TEST(Xml, APrefixThatTextsUseKeepsItsMeaning) {
  const char* const types = "<a xmlns:i='http://www.w3.org/2001/XMLSchema-instance' ";
  EXPECT_NE(read(std::string(types) + "xmlns:x='urn:1' i:type='x:t'/>"),
            read(std::string(types) + "xmlns:x='urn:2' i:type='x:t'/>"));
  EXPECT_NE(read(std::string(types) + "xmlns='urn:1' i:type='t'/>"),
            read(std::string(types) + "i:type='t'/>"));
  EXPECT_NE(read("<a xmlns:x='urn:1'>x:y</a>"), read("<a xmlns:x='urn:2'>x:y</a>"));
  EXPECT_EQ(read("<a xmlns:x='urn:1'>https://y</a>"), read("<a xmlns:x='urn:2'>https://y</a>"));
}

TEST(Xml, WhatIsUnsoundIsRefused) {
  const char* const refused[] = {
      "",
      " ",
      "text",
      "<a>",
      "</a>",
      "<a></b>",
      "<a/><b/>",
      "<a/>x",
      "<a b/>",
      "<a b=1/>",
      "<a b='1' b='2'/>",
      "<a b='1'c='2'/>",
      "<a b='<'/>",
      "<p:a/>",
      "<a p:b='1'/>",
      "<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>",
      "<a>&nbsp;</a>",
      "<a>&#0;</a>",
      "<a>&#x110000;</a>",
      "<a>&lt</a>",
      "<a>]]></a>",
      "<a><!-- -- --></a>",
      "<a>\x01</a>",
      "<a>\xFF</a>",
      "<!DOCTYPE a><a/>",
      "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
      "<?xml version='1.0' encoding='ISO-8859-1'?><a/>",
      "<a:b:c xmlns:a='u'/>",
      "<1a/>",
      "<a xmlns:p=''/>",
      "<a><?p</a>",
      "<a",
      "<a b='",
      "<a><![CDATA[x</a>",
  };
  for (const char* const text : refused) EXPECT_EQ(read(text), "refused") << text;
}

TEST(Xml, DepthAndPrefixesAreBounded) {
  const auto nested = [](int depth) {
    std::string text;
    for (int i = 0; i < depth; ++i) text += "<a>";
    for (int i = 0; i < depth; ++i) text += "</a>";
    return text;
  };
  EXPECT_NE(read(nested(kMaxXmlDepth)), "refused");
  EXPECT_EQ(read(nested(kMaxXmlDepth + 1)), "refused");
  std::string many = "<a";
  for (int i = 0; i < 100; ++i) {
    many += " xmlns:p" + std::to_string(i) + "='urn:" + std::to_string(i) + "'";
  }
  EXPECT_EQ(read(many + "/>"), "refused");
}

}  // namespace
}  // namespace recshim::match
