//! Splits a module into its items; only functions, modules and `use`s are parsed further.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Ident, Token, Visibility, braced, token};

use super::Function;

/// An inline module.
pub(crate) struct Module {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) mod_token: Token![mod],
    pub(crate) name: Ident,
    /// The attributes within: `#![allow(..)]`.
    pub(crate) inner: Vec<Attribute>,
    pub(crate) items: Vec<Item>,
}

/// One item of a module.
pub(crate) enum Item {
    Function(Function),
    /// `pub use path::name;`
    Use(Use),
    /// A module within the module.
    Module(TokenStream),
    /// Any other item, unchanged.
    Other(TokenStream),
}

/// A `use`, unchanged.
pub(crate) struct Use {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) tree: TokenStream,
}

impl Use {
    /// The name that it brings, if it is one: `c` of `a::b::c`, `d` of `a::c as d`.
    pub(crate) fn name(&self) -> Option<Ident> {
        let mut name = None;
        for token in self.tree.clone() {
            match token {
                TokenTree::Ident(word) if word != "as" => name = Some(word),
                TokenTree::Ident(_) => {}
                TokenTree::Punct(mark) if mark.as_char() == ':' => {}
                _ => return None,
            }
        }
        name
    }
}

impl ToTokens for Use {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, tree } = self;
        tokens.extend(quote::quote!(#(#attrs)* #vis use #tree;));
    }
}

impl Parse for Module {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let (vis, mod_token, name) = (input.parse()?, input.parse()?, input.parse()?);
        if input.peek(Token![;]) {
            let semi: Token![;] = input.parse()?;
            return Err(syn::Error::new(
                semi.spans[0],
                format!("`#[service]` reads the module: write `mod {name} {{ .. }}` here"),
            ));
        }
        let content;
        braced!(content in input);
        let inner = content.call(Attribute::parse_inner)?;
        let items = items(&content)?;
        Ok(Self { attrs, vis, mod_token, name, inner, items })
    }
}

/// The items of a module, or of a block of its kind.
pub(crate) fn items(input: ParseStream<'_>) -> syn::Result<Vec<Item>> {
    let mut items = Vec::new();
    while !input.is_empty() {
        items.push(item(input)?);
    }
    Ok(items)
}

fn item(input: ParseStream<'_>) -> syn::Result<Item> {
    let ahead = input.fork();
    let attrs = ahead.call(Attribute::parse_outer)?;
    let vis: Visibility = ahead.parse()?;
    if is_function(&ahead) {
        return input.parse().map(Item::Function);
    }
    if ahead.peek(Token![use]) {
        input.call(Attribute::parse_outer)?;
        input.parse::<Visibility>()?;
        input.parse::<Token![use]>()?;
        let mut tree = TokenStream::new();
        while !input.peek(Token![;]) {
            input.parse::<TokenTree>()?.to_tokens(&mut tree);
        }
        input.parse::<Token![;]>()?;
        return Ok(Item::Use(Use { attrs, vis, tree }));
    }
    let is_module = ahead.peek(Token![mod]);
    let until_semicolon = ahead.peek(Token![const])
        || ahead.peek(Token![static])
        || ahead.peek(Token![type])
        || (ahead.peek(Token![extern]) && ahead.peek2(Token![crate]));
    let tokens = rest_of_item(input, until_semicolon)?;
    Ok(if is_module { Item::Module(tokens) } else { Item::Other(tokens) })
}

/// Whether a function follows: `fn`, or words that may precede it.
fn is_function(input: ParseStream<'_>) -> bool {
    let ahead = input.fork();
    loop {
        if ahead.peek(Token![fn]) {
            return true;
        }
        let word = ahead.parse::<Option<Token![const]>>().ok().flatten().is_some()
            || ahead.parse::<Option<Token![async]>>().ok().flatten().is_some()
            || ahead.parse::<Option<Token![unsafe]>>().ok().flatten().is_some()
            || ahead.parse::<Option<syn::Abi>>().ok().flatten().is_some();
        if !word {
            return false;
        }
    }
}

/// Up to the semicolon or the braces that end an item.
fn rest_of_item(input: ParseStream<'_>, until_semicolon: bool) -> syn::Result<TokenStream> {
    let mut tokens = TokenStream::new();
    // Braces within `<..>` are an argument: `impl Of<{ 1 + 1 }> for X {}`.
    let mut angles = 0_usize;
    let mut arrow = false;
    while !input.is_empty() {
        let ends_here = input.peek(Token![;]) || (!until_semicolon && angles == 0 && input.peek(token::Brace));
        let token: TokenTree = input.parse()?;
        match &token {
            TokenTree::Punct(mark) if mark.as_char() == '<' => angles += 1,
            TokenTree::Punct(mark) if mark.as_char() == '>' && !arrow => angles = angles.saturating_sub(1),
            _ => {}
        }
        arrow = matches!(&token, TokenTree::Punct(mark) if matches!(mark.as_char(), '-' | '='));
        token.to_tokens(&mut tokens);
        if ends_here {
            break;
        }
    }
    Ok(tokens)
}

/// The tokens in the braces of an inline module.
pub(crate) fn content(module: &TokenStream) -> Option<TokenStream> {
    match module.clone().into_iter().last() {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(group.stream()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quote::quote;

    #[test]
    fn a_module_is_taken_apart_at_its_items_ends() {
        let module: Module = syn::parse2(quote! {
            #[doc = "x"]
            pub(crate) mod bank {
                #![allow(dead_code)]
                use super::{a, b};
                pub use c::d as e;
                const A: u8 = { 1 };
                struct B<const N: usize = { 1 }>([u8; N]);
                impl Of<{ 1 + 1 }> for B<1> { fn f() {} }
                pub(super) const unsafe extern "C" fn f() -> Of<{ 1 }> where u8: Fn() -> u8 { 0 }
                thread_local! { static X: u8 = 1 }
                makes!(it);
                mod inner { fn g() {} }
                extern crate core as k;
                #[query_prepared]
                pub fn asked(db: Bank);
            }
        })
        .unwrap();
        let kinds: String = module
            .items
            .iter()
            .map(|item| match item {
                Item::Function(_) => 'f',
                Item::Use(_) => 'u',
                Item::Module(_) => 'm',
                Item::Other(_) => 'o',
            })
            .collect();
        assert_eq!(kinds, "uuooofoomof");
    }
}
